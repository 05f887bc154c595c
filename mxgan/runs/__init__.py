"""A configuration to a run: new, resumed, loaded, evaluated."""
