"""Lambda functions of the learning loop (decision 42): a schedule or the state machine calls them.

They are thin: the work is in `model_export`. None is on the path of a request.
"""
