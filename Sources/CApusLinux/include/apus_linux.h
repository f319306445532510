// What Swift cannot import or say by itself: raw system calls, the time-stamp counter, atomic access to shared
// memory, fork, and a robust process-shared lock. This is the only place that may ask which machine it runs on.
#ifndef APUS_LINUX_H
#define APUS_LINUX_H

#include <stdint.h>
#include <sys/syscall.h>

#include "apus_ring.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

// A system call by its number, by the kernel's own convention: a result, or -errno.
long apus_syscall(long number, long a, long b, long c, long d, long e, long f);

// The numbers of the calls that we make ourselves (Swift does not see the macros).
enum {
  APUS_SYS_close = SYS_close,
  APUS_SYS_connect = SYS_connect,
  APUS_SYS_eventfd2 = SYS_eventfd2,
  APUS_SYS_exit_group = SYS_exit_group,
  APUS_SYS_fcntl = SYS_fcntl,
  APUS_SYS_flock = SYS_flock,
  APUS_SYS_fstat = SYS_fstat,
  APUS_SYS_ftruncate = SYS_ftruncate,
  APUS_SYS_getsockopt = SYS_getsockopt,
  APUS_SYS_gettid = SYS_gettid,
  APUS_SYS_ioctl = SYS_ioctl,
  APUS_SYS_kill = SYS_kill,
  APUS_SYS_memfd_create = SYS_memfd_create,
  APUS_SYS_mmap = SYS_mmap,
  APUS_SYS_munmap = SYS_munmap,
  APUS_SYS_openat = SYS_openat,
  APUS_SYS_pidfd_getfd = SYS_pidfd_getfd,
  APUS_SYS_pidfd_open = SYS_pidfd_open,
  APUS_SYS_pipe2 = SYS_pipe2,
  APUS_SYS_ppoll = SYS_ppoll,
  APUS_SYS_prctl = SYS_prctl,
  APUS_SYS_pread64 = SYS_pread64,
  APUS_SYS_prlimit64 = SYS_prlimit64,
  APUS_SYS_process_vm_readv = SYS_process_vm_readv,
  APUS_SYS_ptrace = SYS_ptrace,
  APUS_SYS_pwrite64 = SYS_pwrite64,
  APUS_SYS_read = SYS_read,
  APUS_SYS_readlinkat = SYS_readlinkat,
  APUS_SYS_recvfrom = SYS_recvfrom,
  APUS_SYS_rt_sigprocmask = SYS_rt_sigprocmask,
  APUS_SYS_sendto = SYS_sendto,
  APUS_SYS_setsockopt = SYS_setsockopt,
  APUS_SYS_shmat = SYS_shmat,
  APUS_SYS_shmctl = SYS_shmctl,
  APUS_SYS_shmget = SYS_shmget,
  APUS_SYS_shutdown = SYS_shutdown,
  APUS_SYS_signalfd4 = SYS_signalfd4,
  APUS_SYS_socket = SYS_socket,
  APUS_SYS_tgkill = SYS_tgkill,
  APUS_SYS_unlinkat = SYS_unlinkat,
  APUS_SYS_renameat2 = SYS_renameat2,
  APUS_SYS_wait4 = SYS_wait4,
  APUS_SYS_waitid = SYS_waitid,
  APUS_SYS_write = SYS_write,
  APUS_SYS_writev = SYS_writev,
};

// ---- clocks and shared memory -------------------------------------------------------------------------

// The processor's user-readable counter: the same one that trampolines read.
static inline uint64_t apus_read_counter(void) {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t value;
  __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
  return value;
#elif defined(__powerpc64__)
  return __builtin_ppc_get_timebase();
#else
#error "this machine is not supported"
#endif
}

// How many ticks of it a second has; 0 where the processor does not say.
static inline uint64_t apus_counter_frequency(void) {
#if defined(__aarch64__)
  uint64_t value;
  __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
  return value;
#else
  return 0;
#endif
}

// The machine that this was built for, by the name of an `Architecture`.
static inline const char *apus_machine(void) {
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__powerpc64__)
  return "ppc64le";
#else
#error "this machine is not supported"
#endif
}

// Loads and stores of words that another process or thread writes; `address` must be aligned.
static inline uint64_t apus_load_relaxed_u64(uintptr_t address) {
  return __atomic_load_n((const uint64_t *)address, __ATOMIC_RELAXED);
}
static inline uint64_t apus_load_acquire_u64(uintptr_t address) {
  return __atomic_load_n((const uint64_t *)address, __ATOMIC_ACQUIRE);
}
static inline void apus_store_relaxed_u64(uintptr_t address, uint64_t value) {
  __atomic_store_n((uint64_t *)address, value, __ATOMIC_RELAXED);
}
static inline void apus_store_release_u64(uintptr_t address, uint64_t value) {
  __atomic_store_n((uint64_t *)address, value, __ATOMIC_RELEASE);
}
static inline uint64_t apus_fetch_add_u64(uintptr_t address, uint64_t value) {
  return __atomic_fetch_add((uint64_t *)address, value, __ATOMIC_SEQ_CST);
}
static inline uint32_t apus_load_acquire_u32(uintptr_t address) {
  return __atomic_load_n((const uint32_t *)address, __ATOMIC_ACQUIRE);
}
static inline void apus_store_release_u32(uintptr_t address, uint32_t value) {
  __atomic_store_n((uint32_t *)address, value, __ATOMIC_RELEASE);
}
static inline void apus_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// ---- a lock that tells of its owner's death -----------------------------------------------------------

// Bytes that the lock needs (a pthread_mutex_t); the first 32-bit word is the futex word.
enum { APUS_ROBUST_LOCK_SIZE = 64 };
// What the kernel sets in the futex word when the thread that holds the lock ends, by SIGKILL too.
enum { APUS_OWNER_DIED = 0x40000000 };

// Makes a robust, process-shared mutex at `area` (aligned to 16, APUS_ROBUST_LOCK_SIZE bytes of shared memory)
// and locks it in the calling thread. 0, or an errno. The thread must outlive what the lock stands for.
int apus_robust_lock_init_and_lock(uintptr_t area);
// For tests: forks a child that locks at `area`, writes one byte to `ready`, and waits to be killed.
int apus_fork_lock_holder(uintptr_t area, int ready);
// Unlocks it; only the thread that locked it may. 0, or an errno.
int apus_robust_lock_unlock(uintptr_t area);

// ---- waiting for children -----------------------------------------------------------------------------

// Every SIGCHLD of this process, whichever thread takes it, adds 1 to each registered eventfd. The handler is
// installed at the first registration (SA_RESTART) and calls the handler that it found. 0, or an errno.
int apus_child_events_register(int eventfd);
void apus_child_events_unregister(int eventfd);

// ---- launching ----------------------------------------------------------------------------------------

// Forks a child that waits for one byte on `gate_read`, then becomes `argv` (execvpe). Signal mask and ignored
// signals are what they were when this program started. When exec fails, its errno is written to `error_write`
// as a 32-bit word, and the child exits with 127. All four descriptors must be close-on-exec.
// The child's process id, or -errno.
int apus_launch(char *const *argv, char *const *envp, int gate_read, int gate_write, int error_write);

// Whether this program was started with a signal ignored.
int apus_ignored_at_start(int number);

// Starts a program, found in PATH if its name has no slash, in `directory` if there is one, with `output`, if it is not
// negative, for what it prints. Signals are as in apus_launch. The child's process id, or -errno.
int apus_spawn(char *const *argv, char *const *envp, const char *directory, int output);

// `environ` of this process.
char **apus_environment(void);

// ---- x86_64's extended state --------------------------------------------------------------------------

// The size of a standard-format XSAVE area with the given feature bits; 0 where there is none.
uint32_t apus_xsave_area_size(uint64_t features);

#endif
