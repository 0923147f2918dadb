"""What kernel ridge regression and classification share: options, ways to the dual coefficients, values."""

import warnings
from typing import Any, Literal

import numpy as np

from .. import backend
from ..base import BaseEstimator
from ..exceptions import ConvergenceWarning, compatible
from ..validation import check_features, check_is_fitted, check_random_state, check_sample_weight
from .conjugate import conjugate_gradients
from .exact import exact, fits
from .kernels import Kernel
from .meter import Meter
from .nystrom import nystrom, preconditioner
from .options import at_least_one, between, choose, kernel_of, penalties, source_of
from .system import Solution, System

Array = np.ndarray[Any, Any]
SOLVERS = ("auto", "cholesky", "cg", "nystrom")
PRECISIONS = ("auto", "float64", "mixed", "float32")
LANDMARKS = 1000  # unless n_components says otherwise
BLOCK = 2048  # rows predicted between two pictures of the progress bar
PAIRS = 1 << 18  # of samples, that a function of two is called for in a block: what there is of its matrix at a time


class KernelMachine(BaseEstimator):
    """f(x) = sum_i dual_coef_i k(x, x_i), and the ways to the dual coefficients."""

    dual_coef_: Array
    X_fit_: Array

    def __init__(
        self,
        alpha: Any = 1,
        *,
        kernel: Any = "linear",
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: dict[str, Any] | None = None,
        solver: Literal["auto", "cholesky", "cg", "nystrom"] = "auto",
        precision: Literal["auto", "float64", "mixed", "float32"] = "auto",
        n_components: int | None = None,
        tol: float = 1e-6,
        max_iter: int | None = None,
        leave_one_out: bool = False,
        random_state: Any = None,
        verbose: Any = False,
    ) -> None:
        self.alpha = alpha
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.solver = solver
        self.precision = precision
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.leave_one_out = leave_one_out
        self.random_state = random_state
        self.verbose = verbose

    # ---- learning ----

    def _check_options(self) -> None:
        choose("solver", self.solver, SOLVERS)
        choose("precision", self.precision, PRECISIONS)
        at_least_one("n_components", self.n_components)
        at_least_one("max_iter", self.max_iter)
        if not 0 < self.tol < 1:
            raise ValueError(f"tol must be between 0 and 1, got {self.tol!r}")
        if self.leave_one_out and self.solver not in ("auto", "cholesky"):
            raise ValueError(f"leave_one_out needs the factor of solver='cholesky', got solver={self.solver!r}")

    def _learn(self, X: Array, targets: Array, sample_weight: Any) -> Array | None:
        """Dual coefficients for targets (n, outputs) in float64; with leave_one_out, its residuals."""
        self._check_options()
        alphas = penalties(self.alpha, targets.shape[1])
        weight = None if sample_weight is None else check_sample_weight(sample_weight, len(X))
        self._kernel = kernel_of(self.kernel, self.gamma, self.degree, self.coef0, X.shape[1])
        meter = Meter(self.verbose)
        whole = source_of(self._kernel, X, self.kernel_params, meter)
        used = np.arange(len(X)) if weight is None else np.flatnonzero(weight)
        source = whole if len(used) == len(X) else whole.take(used)
        weight = None if weight is None else weight[used]
        self.solver_, precision = self._choose(len(source), X.dtype)
        landmarks = self._landmarks(len(source)) if self.solver_ != "cholesky" else None
        rows = used if self.solver_ != "nystrom" or landmarks is None else used[landmarks]
        dual, left = np.zeros((len(rows), targets.shape[1])), np.zeros((len(used), targets.shape[1]))
        self.n_iter_ = 1
        for alpha in np.unique(alphas):
            columns = alphas == alpha
            system = System(source, weight, float(alpha), np.ascontiguousarray(targets[used][:, columns]))
            found = self._solve(system, precision, landmarks, meter)
            dual[:, columns], self.precision_ = found.dual, found.precision
            self.n_iter_ = max(self.n_iter_, found.steps)
            if found.inverse_diagonal is not None:
                left[:, columns] = found.dual / found.inverse_diagonal[:, None]
        meter.end()
        self._keep(X, rows, dual)
        return self._spread(X, used, targets, left) if self.leave_one_out else None

    def _choose(self, n: int, dtype: Any) -> tuple[str, str]:
        """Solver and precision, of those that the memory at hand allows the most exact."""
        solver, precision = self.solver, self.precision
        if solver == "auto":
            size = 4.0 if precision in ("mixed", "float32") else 8.0
            stored = self.leave_one_out or not isinstance(self._kernel, Kernel) or fits(size * n * n)
            solver = "cholesky" if stored or (precision == "auto" and fits(4.0 * n * n)) else "cg"
        if solver == "cholesky":
            return solver, ("float64" if fits(8.0 * n * n) else "mixed") if precision == "auto" else precision
        if precision == "mixed":
            raise ValueError(f"precision='mixed' is of solver='cholesky', got solver={solver!r}")
        return solver, (dtype.name if precision == "auto" else precision) if solver == "cg" else "float64"

    def _landmarks(self, n: int) -> Array:
        """Which samples, drawn without preference, in order."""
        m = min(n, LANDMARKS if self.n_components is None else self.n_components)
        return np.sort(check_random_state(self.random_state).permutation(n)[:m])

    def _solve(self, system: System, precision: str, landmarks: Array | None, meter: Meter) -> Solution:
        if landmarks is None:
            return exact(system, precision, self.leave_one_out, meter)
        if self.solver_ == "nystrom":
            return nystrom(system, landmarks, meter)
        return self._iterate(system, precision, landmarks, meter)

    def _iterate(self, system: System, precision: str, landmarks: Array, meter: Meter) -> Solution:
        """Conjugate gradients on W^1/2 K W^1/2 + alpha, preconditioned by the same of its Nystrom approximation."""
        root, dtype = system.root[:, None], np.dtype(precision)

        def product(v: Array) -> Array:
            return root * system.source.product((root * v).astype(dtype)) + system.alpha * v

        limit = len(system) if self.max_iter is None else self.max_iter
        before = preconditioner(system, landmarks, meter)
        found, steps, enough = conjugate_gradients(product, before, root * system.y, self.tol, limit, meter)
        if not enough:
            message = (
                f"conjugate gradients did not reach tol={self.tol} in {steps} iterations (max_iter): n_components, "
            )
            warnings.warn(message + "alpha or tol could be larger", compatible(ConvergenceWarning), stacklevel=5)
        return Solution(root * found, precision, steps)

    def _keep(self, X: Array, rows: Array, dual: Array) -> None:
        """The coefficients, and the samples that they belong to: all of them, or the landmarks."""
        vars(self).pop("component_indices_", None)
        if self.solver_ == "nystrom":
            self.component_indices_ = rows
        if self.solver_ == "nystrom" and isinstance(self._kernel, Kernel):
            X = np.ascontiguousarray(X[rows])
        else:
            full = np.zeros((len(X), dual.shape[1]))
            full[rows] = dual
            dual = full
        self.X_fit_, self.dual_coef_ = X, dual.astype(X.dtype)

    def _spread(self, X: Array, used: Array, targets: Array, left: Array) -> Array:
        """What is left of every target by a model without its sample; one of weight 0 was not there to begin with."""
        every = targets - self._values(X)
        every[used] = left
        return every

    # ---- predicting ----

    def _values(self, X: Array) -> Array:
        """f of the rows of X, shape (n_samples, outputs)."""
        dual = np.ascontiguousarray(self.dual_coef_.reshape(len(self.dual_coef_), -1))
        if isinstance(self._kernel, Kernel) and not self.verbose:
            return self._kernel.product(X, self.X_fit_, dual)
        rows = max(1, min(BLOCK, PAIRS // len(self.X_fit_))) if callable(self._kernel) else BLOCK
        meter, y = Meter(self.verbose), np.empty((len(X), dual.shape[1]), dual.dtype)
        for start in range(0, len(X), rows):
            part = slice(start, start + rows)
            y[part] = self._product(X[part], dual)
            meter.say("predict", min(part.stop, len(X)) / len(X))
        return y

    def _product(self, X: Array, dual: Array) -> Array:
        """K(X, X_fit_) dual."""
        if isinstance(self._kernel, Kernel):
            return self._kernel.product(X, self.X_fit_, dual)
        k = between(self._kernel, X, self.X_fit_, self.kernel_params)
        return backend.matmul(np.ascontiguousarray(k, dual.dtype), dual)

    def _check_new(self, X: Any) -> Array:
        check_is_fitted(self, "dual_coef_")
        return check_features(self, X, reset=False, dtype=self.X_fit_.dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.kernel == "precomputed"
        return tags
