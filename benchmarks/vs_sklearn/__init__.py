"""Agreement with scikit-learn: the same answers on real data, times and curves, in one report."""
