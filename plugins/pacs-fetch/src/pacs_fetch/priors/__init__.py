"""Priors: which earlier studies of patients who come soon are worth having here."""
