"""Two results of one script, direct and through Cordon: where they part."""


def first_difference(direct, through, path="answer"):
    """Where two results part, in words that fit on a screen; empty when they are the same."""
    if type(direct) is type(through) and isinstance(direct, dict) and direct.keys() == through.keys():
        parts = [(direct[key], through[key], f"{path}.{key}") for key in direct]
    elif type(direct) is type(through) and isinstance(direct, (list, tuple)) and len(direct) == len(through):
        parts = [(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(direct, through))]
    else:
        return "" if direct == through else f"{path}: direct {str(direct)[:1500]!r}, through Cordon {str(through)[:1500]!r}"
    return next(filter(None, (first_difference(*part) for part in parts)), "")
