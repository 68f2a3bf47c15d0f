"""Real servers, each installed and run as a child on loopback: for the demo and for the tests."""
