"""AWS's query protocol: IAM and STS."""
