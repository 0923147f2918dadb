/* Which micro-kernels of kernels.def the tests reach, found out by running them. */
#ifndef COVERAGE_H
#define COVERAGE_H

#include "real.h"

/* Runs the tests with every micro-kernel replaced by a trap; prints each name that no test of `families` (NULL at the
 * end) calls, and returns how many there are. `reached` is the number of the others. */
struct test;
int fs_unreached_f32(const struct test *const *families, int *reached);
int fs_unreached_f64(const struct test *const *families, int *reached);

#endif
