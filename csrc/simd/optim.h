/* The constants of one optimizer step, in the type of the arrays: what optim.c hands to the micro-kernels of simd/optim.c. */
#ifndef FS_SIMD_OPTIM_H
#define FS_SIMD_OPTIM_H

#include "../real.h"

struct FS(sgd_rule) {
    REAL flip;  /* -0 to climb instead of descend, else 0: its bits turn the gradient's sign */
    REAL decay; /* added to the gradient: decay times the parameter */
    REAL momentum, intake, lr;
    int nesterov;
};

struct FS(rmsprop_rule) {
    REAL flip, decay;
    REAL alpha, intake, eps, momentum, lr;
};

struct FS(adam_rule) {
    REAL flip, decay;
    REAL shrink; /* decoupled weight decay: what the parameter is multiplied by first */
    REAL beta1, intake1, beta2, intake2;
    REAL step_size, eps; /* with the corrections for the averages having started at zero */
};

#endif
