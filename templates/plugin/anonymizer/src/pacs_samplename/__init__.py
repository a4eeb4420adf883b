"""De-identifies by an allow list: what is not on it goes."""
