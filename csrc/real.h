/* One source, two types. Every kernel file is compiled twice: as it is, REAL is float and FS(name) is fs_name_f32;
 * with -DFS_F64, REAL is double and FS(name) is fs_name_f64. */
#ifndef FS_REAL_H
#define FS_REAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef FS_F64
#define REAL double
#define FS_TYPE f64
#else
#define REAL float
#define FS_TYPE f32
#endif

#define FS_PASTE2(a, b) a##b
#define FS_PASTE(a, b) FS_PASTE2(a, b)
#define FS(name) FS_PASTE(fs_##name##_, FS_TYPE)

/* The guarded home of everything that is not ISO C. */
#if defined(__GNUC__) || defined(__clang__)
#define FS_INLINE static inline __attribute__((always_inline))
#define FS_UNUSED __attribute__((unused))
/* GCC 12 hoists the broadcasts of a whole tile out of the loop and spills them; a barrier per row keeps them home. */
#define FS_BARRIER() __asm__ volatile("" ::: "memory")
/* Tells the processor that this is a loop that waits. */
#if defined(__x86_64__) || defined(__i386__)
#define FS_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define FS_PAUSE() __asm__ volatile("yield")
#else
#define FS_PAUSE() ((void)0)
#endif
/* p[n] will be written soon, or read: a hint. It may lie beyond the array, where there is no pointer in C, only a number. */
#define FS_PLACE(p, n) ((const void *)((uintptr_t)(p) + (uintptr_t)(n) * sizeof *(p)))
#define FS_PREFETCH(p, n) __builtin_prefetch(FS_PLACE(p, n), 1)
#define FS_PREFETCH_READ(p, n) __builtin_prefetch(FS_PLACE(p, n), 0)
#define FS_FETCH(p, n) __builtin_prefetch(FS_PLACE(p, n), 0, 2) /* for reading, no nearer than the second cache */
#define FS_PRAGMA(text) _Pragma(#text)
/* FS_UNROLL_KNOWN is for a loop whose count only some callers know; Clang unrolls for them by itself, and warns of others. */
#ifdef __clang__
#define FS_UNROLL FS_PRAGMA(clang loop unroll(full))
#define FS_UNROLL_KNOWN
#else
#define FS_UNROLL FS_PRAGMA(GCC unroll 16)
#define FS_UNROLL_KNOWN FS_UNROLL
#endif
#else
#define FS_INLINE static __forceinline
#define FS_UNUSED
#define FS_BARRIER() ((void)0)
#define FS_UNROLL
#define FS_UNROLL_KNOWN
#define FS_PAUSE() ((void)0)
#define FS_PREFETCH(p, n) ((void)(p), (void)(n))
#define FS_PREFETCH_READ(p, n) ((void)(p), (void)(n))
#define FS_FETCH(p, n) ((void)(p), (void)(n))
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define FS_RESTRICT __restrict
#else
#define FS_RESTRICT restrict
#endif

#endif
