"""How text that others wrote is shown: in a terminal, a page, a picture, a table of a spreadsheet."""
