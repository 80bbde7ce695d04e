"""``make smoke``: a scratch stack in an AWS account of your own, from its deployment to its deletion."""
