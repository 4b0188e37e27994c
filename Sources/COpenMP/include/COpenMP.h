// libgomp's functions that the engine calls: OpenMP's threads are those that oneDNN uses.
#ifndef APUS_COPENMP_H
#define APUS_COPENMP_H

// The setting of threads is per calling thread; omp.h lies in gcc's own folder, so the functions are declared here.
void omp_set_num_threads(int count);
int omp_get_max_threads(void);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
// libgomp's entry for `#pragma omp parallel`: runs `body(data)` on `count` threads of the pool oneDNN also uses.
void GOMP_parallel(void (*body)(void *), void *data, unsigned count, unsigned flags);

#endif
