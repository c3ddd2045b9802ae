"""Where people meet."""

#: Layers of contacts. The first two are the diary survey's "home". A trace does not say where: "other".
SETTINGS = ("household", "neighbours", "school", "work", "transport", "leisure", "other")
