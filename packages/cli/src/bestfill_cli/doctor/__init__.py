"""Looks at what an engine needs: says what is wrong and how to mend it, and changes nothing."""
