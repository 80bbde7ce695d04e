"""Lambda's runtime on loopback: workers, Runtime API, Invoke API."""
