"""Who may do what in the embedded object store: our keys and policies, handed to `infra` as its authorizer."""
