"""WADO-URI: one instance by the parameters of a query (PS3.18 chapter 9)."""
