/* doctor.h: `reclaim doctor`: what on this machine spoils measurements, why, and what to do about it. */
#ifndef RECLAIM_DOCTOR_DOCTOR_H
#define RECLAIM_DOCTOR_DOCTOR_H

/* argv[0] is the subcommand's name. Returns the exit code: 0; with --strict 3 where something spoils; 2 after one line on stderr. */
int doctor_main(int argc, char **argv);

#endif
