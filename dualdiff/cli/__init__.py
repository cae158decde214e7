"""What the command line does: fit models and write a report, print a Jacobian, check derivatives."""
