"""What three generations of Airflow offer by name, and where each name has gone.

Nothing is read before it is asked for:
`public.txt` every public module and name; `moves.txt` what a name became; both written by `tests.names.write`.
`by_hand.txt` what no machine can know: the words for names that have no successor.
"""
