/*
 * What fleet.pml takes for granted of the clocks: a timer of `patience(holds)` that begins after a question was sent is over
 * later than the lease from that sending (src/coherence/lease.ts, fleet-times.ts).
 *
 * One lease, one timer, on two machines. In one step of true time a clock goes on by 11 to 13 units, twelve being right
 * (chrony slews by up to 8.3 %). Only the extremes are tried: what is asserted is monotonic in each rate. The instance may be suspended: its monotonic clock stands still while its wall clock goes on.
 */
#define LEASE 240
#define TOLERANCE 24 /* CLOCK_TOLERANCE: two steps */
#ifdef M_NO_RATE
#define RATED LEASE
#else
#ifdef M_RATE_OF_ONE_MACHINE
#define RATED (LEASE * 109 / 100)
#else
#define RATED (LEASE * 12 / 10) /* RATE_TOLERANCE */
#endif
#endif
#ifdef M_NO_TOLERANCE
#define PATIENCE RATED
#else
#define PATIENCE (RATED + TOLERANCE)
#endif

short monotonic /* since the question was sent */
short drift     /* wall against monotonic since then */
short waited    /* of the timer */
bool started

#ifdef M_NO_DRIFT_CHECK
#define holds (monotonic < LEASE)
#else
#define holds (monotonic < LEASE && drift <= TOLERANCE)
#endif

active proctype Clocks() {
end:
  do
  :: atomic { holds ->
       if
       :: monotonic = monotonic + 11
       :: monotonic = monotonic + 13
       :: drift <= LEASE -> drift = drift + 11 /* suspended */
       fi;
       if
       :: !started
       :: !started -> started = true; waited = 13
       :: started -> waited = waited + 11
       :: started -> waited = waited + 13
       fi;
       printf("lease %d, drift %d, timer %d\n", monotonic, drift, waited);
       assert(!(started && waited >= PATIENCE && holds)) }
  od
}
