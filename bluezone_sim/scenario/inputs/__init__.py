"""Files that a scenario names: contact traces, radios, models of phones."""
