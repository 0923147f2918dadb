/* Reductions across lanes for instruction sets that have none: halve, and halve again, always in the same order. */
#define FS_ACROSS(name, combine)                                   \
    FS_INLINE REAL name(vec a) {                                   \
        REAL lane[VL];                                             \
        v_store(lane, a);                                          \
        for (int half = VL / 2; half > 0; half /= 2) {             \
            for (int i = 0; i < half; i++) {                       \
                lane[i] = combine(lane[i], lane[i + half]);        \
            }                                                      \
        }                                                          \
        return lane[0];                                            \
    }
#define FS_PLUS(a, b) ((a) + (b))
#define FS_GREATER(a, b) ((a) > (b) ? (a) : (b))
#define FS_LESS(a, b) ((a) < (b) ? (a) : (b))
FS_ACROSS(v_sum, FS_PLUS)
FS_ACROSS(v_hmax, FS_GREATER)
FS_ACROSS(v_hmin, FS_LESS)
