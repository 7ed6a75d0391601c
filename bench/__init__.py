"""The benchmarks: `./dev bench [NAME]`. Figures hold for one machine and one run; compare the ratios."""
