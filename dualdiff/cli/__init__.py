"""What the command line does: fit models, write a report, predict, print a Jacobian, check derivatives."""
