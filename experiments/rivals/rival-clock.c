/* rival-clock.c: wall time, and getrusage of the process, for languages whose libraries have them not, or too coarsely. */
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

/* ns, ns, ns, bytes */
static void stamp(int64_t wall_user_system_peak[4]) {
  struct timespec at;
  struct rusage use;
  clock_gettime(CLOCK_MONOTONIC, &at);
  getrusage(RUSAGE_SELF, &use);
  wall_user_system_peak[0] = (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
  wall_user_system_peak[1] = (int64_t)use.ru_utime.tv_sec * 1000000000 + (int64_t)use.ru_utime.tv_usec * 1000;
  wall_user_system_peak[2] = (int64_t)use.ru_stime.tv_sec * 1000000000 + (int64_t)use.ru_stime.tv_usec * 1000;
  wall_user_system_peak[3] = (int64_t)use.ru_maxrss * 1024;
}

#if defined(RIVAL_JAVA)
#include <jni.h>

JNIEXPORT void JNICALL Java_Rival_stamp(JNIEnv *env, jclass class, jlongArray to) {
  (void)class;
  jlong four[4];
  stamp((int64_t *)four);
  (*env)->SetLongArrayRegion(env, to, 0, 4, four);
}
#endif

#if defined(RIVAL_OCAML)
#include <caml/mlvalues.h>

/* An array of four ints. */
value rival_stamp(value to) {
  int64_t four[4];
  stamp(four);
  for (int i = 0; i < 4; i++) Field(to, i) = Val_long(four[i]);
  return Val_unit;
}
#endif
