"""How well a model judges: labeled talks are judged several times, also under attacks and noise.

`folder.py` reads the talks and their labels, `variants.py` says what is judged, `run.py` has it judged, and
`report.py` compares. Nothing here knows PostgreSQL or Redis.
"""
