"""Makes each account's foundation through AWS's APIs, as the Terraform of a real environment does, and writes the
document that the runner reads. Run again, it finds what is there and changes nothing."""
