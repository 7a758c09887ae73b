"""Our recognisers, as Presidio `EntityRecognizer`s. Only the helper processes import the modules in here."""
