"""What a web host answers: the CLI endpoint, sign-in, the REST API for sessions, two small pages."""
