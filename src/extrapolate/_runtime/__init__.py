"""What any part of the package runs on: progress and requests to stop, executors, memory."""
