"""The page in a real browser.

A package, unlike the other folders of tests, so that its fixtures can be the package's: Playwright keeps an event loop
running in the thread of its tests, in which no asynchronous test of another folder could run.
"""
