"""Runtime shared by all packages: progress reports, stop requests, executors, files, threads."""
