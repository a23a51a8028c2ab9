"""The parts of the page Data: look, bring in, clean, split, synthesize, pairs; a module each with
`part(db)`."""
