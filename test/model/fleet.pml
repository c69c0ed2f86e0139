/*
 * The coherence protocol (src/coherence) as a model for spin. README.md has the map to the code, and says why each
 * reduction is sound. `npm run test:model` checks it, and that each rule taken out (M_...) is found.
 *
 * Time is an order of events. A duration is never counted: what the clocks promise (clocks.pml) is that the patience of a
 * timer that began after something was sent is longer than a lease from that sending. So each lease, and each answer that
 * may become one, bears marks: which timers began since it was sent. A timer is over at any moment at which no lease with
 * its mark runs. Leases end at any moment. The result holds for every lease, and for instances with different ones.
 */
#ifndef NI
#define NI 2
#endif

#define SINCE_OTHER 1   /* another write was committed, and its confirmation began */
#define SINCE_CONFIRM 2 /* the confirmation of the revocation began */
#define SINCE_LOSS 4    /* rows were lost, and the new history or roster was first seen */
#define SINCE_REVOKE 8  /* the revocation was committed */
#define OVER 16         /* longer ago than any lease */

#ifdef SYM
c_decl {
\#include <string.h>
}
/* Instances are alike, so states that differ by their order alone are one: the instances are sorted after each step. */
#define SORT c_code { sort_instances(); };
#else
#define SORT
#endif

/* ---- the store ---- */
byte epoch = 1
bit history
bool settled = true /* the present history and roster are */
bool row[NI]
byte acknowledged[NI] /* 0 stands for -1 */

/* ---- the instances: one per process ---- */
#define OFF 0      /* without a link */
#define ON 1       /* attached over its link */
#define CATCHING 2 /* an answer to catchUp is under way */
byte link[NI]
bool mine[NI] /* the row bears this instance's session token */
byte known[NI]
bit knownHistory[NI]
byte asked[NI] /* marks of the question that brought `known` */
byte answer[NI]
bit answerHistory[NI]
bool answerChanged[NI]
byte answerSent[NI]
bool lease[NI]
byte since[NI] /* marks of the lease */
/* The one key, which is good until it is revoked. PENDING: a look-up that began under the lease has read that it is good,
 * and requests may join it. GAP: the lease has lapsed since. */
#define NONE 0
#define PENDING 1
#define GAP 2
#define CACHED 3
byte key[NI]

/* ---- the writers ---- */
bool otherWrote
byte otherEpoch
bit otherHistory
bool revoked
byte revokedAt /* epoch */
#define IDLE 0
#define WAITING 1  /* no read of the rows yet */
#define READING 2  /* the rows of the first read are known */
#define RETURNED 3
byte confirm
byte confirmEpoch
bit confirmHistory
bool first[NI] /* pending at the first read */
#ifndef TROUBLES
#define TROUBLES 1
#endif
byte trouble = TROUBLES /* how many are left */

/* between steps: 0 */
byte n
bool pending
bool held

/* ---- rules taken out ---- */
#ifdef M_ACKNOWLEDGE_IN_ANY_HISTORY
#define MAY_ACKNOWLEDGE(i) true
#else
#define MAY_ACKNOWLEDGE(i) (knownHistory[i] == history && epoch >= known[i])
#endif
#ifdef M_EPOCH_BACK_UNSEEN
#define EPOCH_BACK(i) false
#else
#define EPOCH_BACK(i) (answer[i] < known[i])
#endif
#ifdef M_REAP_IN_ANY_HISTORY
#define MAY_REAP true
#else
#define MAY_REAP (otherHistory == history)
#endif
#ifdef M_IDLE_BEAT_WITHOUT_ACK
#define ACKNOWLEDGED(i) true
#else
#define ACKNOWLEDGED(i) (acknowledged[R(i)] == known[i])
#endif
#ifdef M_BEAT_OF_OLD_SNAPSHOT
#define LEVEL(i) (knownHistory[i] == history)
#else
#define LEVEL(i) (knownHistory[i] == history && known[i] == epoch)
#endif
#ifdef M_NO_PATIENCE
#define passed(i, w) true
#else
#define passed(i, w) (!(lease[i] && (since[i] & (w))))
#endif
#ifdef M_LEASE_NOT_CHECKED
#define serves(i) (known[i] != 0)
#else
#define serves(i) lease[i]
#endif
#ifdef M_JOIN_WITHOUT_LEASE
#define mayJoin(i) true
#else
#define mayJoin(i) serves(i)
#endif
#ifdef M_MARK_WITHOUT_LEASE
#define mayMark(i) true
#else
#define mayMark(i) serves(i)
#endif
#ifdef M_LOOKUP_OF_OLD_SNAPSHOT
#define PROVEN(i) true /* the connection does not tell that the snapshot is old */
#else
#define PROVEN(i) false
#endif
#ifdef LEAK
/* [isPresent] A look-up of a coherent instance may be answered by an old snapshot: the position that it brings is what tells. */
#ifdef M_NO_POSITION_CHECK
#define answersGood(i) (!revoked || lease[i])
#else
#define answersGood(i) (!revoked || (lease[i] && known[i] < revokedAt))
#endif
#else
#define answersGood(i) (!revoked)
#endif
#ifdef M_ATTACH_NOT_COMMITTED
#define member(i) mine[i] /* its own connection sees the row, nobody else does */
#else
#define member(i) (row[R(i)] && mine[i])
#endif

#ifdef CLONE
/* Instance 1 begins as a copy of instance 0, row and token included: a row may have two holders, of which the token tells. */
bit at[NI] /* each one's row */
#define R(i) at[i]
#define covered(r, w) ((at[0] != r || passed(0, w)) && (at[1] != r || passed(1, w)))
/* From here on the row speaks for the other holder as well, whose lease it does not count: see "not covered". */
inline takeFrom(i) {
  if
  :: at[1 - i] == at[i] && mine[1 - i] ->
#ifndef M_NO_SESSION
     mine[1 - i] = false;
#endif
     if :: lease[1 - i] -> since[1 - i] = since[1 - i] | SINCE_LOSS :: else fi
  :: else
  fi
}
#ifdef M_COPY_JOINS_WITHIN_A_LEASE
#define JOINED true
#else
#define JOINED (passed(0, SINCE_LOSS) && passed(1, SINCE_LOSS))
#endif
#else
#define R(i) i
#define covered(r, w) passed(r, w)
#define takeFrom(i) skip
#define JOINED true
#endif

/* ---- time ---- */
inline mark(w) {
  do
  :: n < NI ->
     if :: lease[n] -> since[n] = since[n] | (w) :: else fi;
     if :: known[n] != 0 && asked[n] < OVER -> asked[n] = asked[n] | (w) :: else fi;
     if :: link[n] == CATCHING && answerSent[n] < OVER -> answerSent[n] = answerSent[n] | (w) :: else fi;
     n++
  :: else -> break
  od;
  n = 0
}
inline unmark(w) {
  do
  :: n < NI ->
     since[n] = since[n] & (31 - (w)); asked[n] = asked[n] & (31 - (w)); answerSent[n] = answerSent[n] & (31 - (w));
     n++
  :: else -> break
  od;
  n = 0
}
/* A timer of this mark is over: what was sent before is worth no lease any more. */
inline expire(i, w) {
  if :: asked[i] & (w) -> asked[i] = OVER :: else fi;
  if :: answerSent[i] & (w) -> answerSent[i] = OVER :: else fi
}

/* ---- an instance ---- */
inline voidLease(i) {
  lease[i] = false; since[i] = 0;
  if :: key[i] == PENDING -> key[i] = GAP :: else fi
}
/* [prove] the later sending counts */
inline prove(i, sent) {
  if
  :: (sent) >= OVER -> skip
  :: (sent) < OVER && !lease[i] -> lease[i] = true; since[i] = sent
  :: (sent) < OVER && lease[i] && ((sent) & (31 - since[i])) == 0 -> since[i] = sent
  :: else -> skip
  fi;
  assert(!(revoked && key[i] == CACHED && lease[i] && !(since[i] & SINCE_REVOKE))) /* accepted a lease after the commit */
}
/* [drop] */
inline drop(i) {
#ifdef M_KEEP_PENDING
  if :: key[i] == CACHED -> key[i] = NONE :: else fi
#else
  key[i] = NONE
#endif
}
inline forget(i) { answer[i] = 0; answerHistory[i] = 0; answerChanged[i] = false; answerSent[i] = 0 }
#ifdef CLONE
inline unregister(r) {
  row[r] = false; acknowledged[r] = 0; first[r] = false;
  if :: at[0] == r -> mine[0] = false :: else fi;
  if :: at[1] == r -> mine[1] = false :: else fi
}
#else
inline unregister(r) { row[r] = false; mine[r] = false; acknowledged[r] = 0; first[r] = false }
#endif

proctype Instance(byte i) {
end:
  do
  /* [attach] under a fresh id: the row was reaped or lost, or the token of the last attach never came */
  :: d_step { !member(i) -> printf("%d attaches under a fresh id\n", i);
#ifndef M_GONE_KEEPS_LEASE
       voidLease(i);
#endif
#ifndef M_ACK_RIGHT_AFTER_ATTACH
       asked[i] = OVER;
#endif
#ifdef CLONE
       if :: row[i] && at[1 - i] == i -> at[i] = 1 - i :: else -> at[i] = i fi;
#endif
#ifndef M_ATTACH_NOT_COMMITTED
       row[R(i)] = true;
#endif
       first[R(i)] = false; mine[i] = true; acknowledged[R(i)] = 0; link[i] = ON; forget(i); SORT }
  /* [attach] with the token: takes the row over */
  :: d_step { link[i] == OFF && member(i) -> printf("%d takes its row over\n", i);
       link[i] = ON; takeFrom(i);
#ifdef M_TAKE_OVER_RESETS
       acknowledged[R(i)] = 0;
#endif
       SORT }
  /* the answer is lost, and the new token with it */
  :: d_step { link[i] == OFF && row[R(i)] && mine[i] -> printf("%d takes its row over, answer lost\n", i);
       mine[i] = false; takeFrom(i);
#ifdef M_TAKE_OVER_RESETS
       acknowledged[R(i)] = 0;
#endif
       SORT }
  /* [lost] the link, and what is under way on it */
  :: d_step { link[i] != OFF -> printf("%d loses its link\n", i); link[i] = OFF; forget(i); SORT }
  /* [beat] level */
  :: d_step { link[i] == ON && member(i) && known[i] != 0 && LEVEL(i) -> printf("%d beats\n", i);
       asked[i] = 0;
       if :: ACKNOWLEDGED(i) -> prove(i, 0) :: else fi; SORT }
  /* [acknowledge] */
  :: d_step { link[i] == ON && member(i) && known[i] != 0 && MAY_ACKNOWLEDGE(i) ->
       printf("%d acknowledges %d of %d\n", i, known[i], epoch);
       acknowledged[R(i)] = known[i];
#ifdef M_LEASE_OF_UNSEEN
       prove(i, 0);
#else
       if :: epoch == known[i] -> asked[i] = 0 :: else fi;
       prove(i, asked[i]);
#endif
       SORT }
  :: d_step { link[i] == ON && member(i) && known[i] != 0 && MAY_ACKNOWLEDGE(i) ->
       printf("%d acknowledges %d of %d, answer lost\n", i, known[i], epoch);
       acknowledged[R(i)] = known[i]; link[i] = OFF; SORT }
  /* [catchUp] the store answers */
  :: d_step { link[i] == ON -> printf("%d asks what changed\n", i);
       link[i] = CATCHING; answer[i] = epoch; answerHistory[i] = history; answerSent[i] = 0;
       answerChanged[i] = (revoked && revokedAt > known[i]);
#ifdef M_ACKNOWLEDGE_BEFORE_DROP
       if :: member(i) -> acknowledged[R(i)] = epoch :: else fi;
#endif
       SORT }
  /* [catchUp] the answer is read: what changed is dropped, or everything */
  :: d_step { link[i] == CATCHING -> printf("%d reads what changed up to %d\n", i, answer[i]);
       link[i] = ON;
#ifdef M_LEASE_FROM_ANSWER
       answerSent[i] = 0;
#endif
       if
       :: known[i] == 0 -> skip /* nothing was cached before */
#ifdef M_OTHER_HISTORY_UNSEEN
       :: known[i] != 0 && answerHistory[i] != knownHistory[i] -> skip
#endif
       :: known[i] != 0 && (answerHistory[i] != knownHistory[i] || EPOCH_BACK(i)) -> key[i] = NONE;
#ifndef M_RESET_KEEPS_LEASE
          voidLease(i)
#endif
       :: else -> if :: answerChanged[i] -> drop(i) :: else fi
       fi;
       known[i] = answer[i]; knownHistory[i] = answerHistory[i]; asked[i] = answerSent[i]; forget(i); SORT }
  /* [close] leaves: the lease is void first */
  :: d_step { link[i] == ON && member(i) -> printf("%d leaves\n", i);
#ifndef M_LEAVE_KEEPS_LEASE
       lease[i] = false; since[i] = 0; key[i] = NONE; known[i] = 0; knownHistory[i] = 0; asked[i] = 0;
#endif
       unregister(R(i)); link[i] = OFF; SORT }
  /* [lease] it ends */
  :: d_step { lease[i] -> printf("%d: the lease ends\n", i); voidLease(i); SORT }

  /* [find] a look-up that may be joined and kept */
  :: d_step { key[i] == NONE && mayMark(i) && answersGood(i) -> printf("%d looks up: good\n", i); key[i] = PENDING; SORT }
  /* [keep] */
  :: d_step { key[i] == PENDING && serves(i) -> printf("%d caches the key\n", i);
       key[i] = CACHED;
       assert(!(revoked && !(since[i] & SINCE_REVOKE)));
       SORT }
#ifdef M_NO_TERM
  :: d_step { key[i] == GAP && serves(i) -> printf("%d caches the key after a gap\n", i);
       key[i] = CACHED;
       assert(!(revoked && !(since[i] & SINCE_REVOKE)));
       SORT }
#endif
  /* [limit] or the answer is not kept */
  :: d_step { key[i] == PENDING || key[i] == GAP -> printf("%d ends the look-up\n", i); key[i] = NONE; SORT }
#ifdef M_LATE_ANSWER_USED
  /* the event loop was blocked for longer than the lease between the answer and its reading */
  :: d_step { revoked && (key[i] == PENDING || key[i] == GAP) -> printf("%d ACCEPTS, too late\n", i); assert(false) }
#endif
#ifdef M_LOOKUP_OF_OLD_SNAPSHOT
  :: d_step { confirm == RETURNED && (!member(i) || known[i] < revokedAt) ->
       printf("%d ACCEPTS by an old snapshot\n", i); assert(false) }
#endif
  /* [lookup] a request that starts after revoke() has returned: out of memory, or it joins the look-up under way */
  :: d_step { confirm == RETURNED && (serves(i) && key[i] == CACHED || mayJoin(i) && (key[i] == PENDING || key[i] == GAP)) ->
       printf("%d ACCEPTS\n", i); assert(false) }
#ifdef M_LATE_ACKNOWLEDGEMENT
  /* an acknowledgement that was given up, and that the server carries out much later */
  :: d_step { row[R(i)] && acknowledged[R(i)] > 1 -> printf("late acknowledgement of %d\n", i); acknowledged[R(i)]--; SORT }
#endif
  od
}

/* ---- the writers ---- */
/* [reap] */
inline reapPending(w, e) {
  do
  :: n < NI ->
     if :: row[n] && acknowledged[n] < (e) && covered(n, w) -> printf("row of %d is reaped\n", n); expire(n, w); unregister(n)
        :: else fi;
     n++
  :: else -> break
  od;
  n = 0
}
/* [readFleet] whether rows of the first read are pending, and whether any that is to be waited for may still serve */
inline readRows() {
  do
  :: n < NI ->
     if :: confirm == WAITING -> first[n] = (row[n] && acknowledged[n] < confirmEpoch) :: else fi;
     if :: first[n] && row[n] && acknowledged[n] < confirmEpoch ->
           pending = true;
           if :: !covered(n, SINCE_CONFIRM) -> held = true :: else fi
        :: else fi;
     if :: !settled && !passed(n, SINCE_CONFIRM) -> held = true :: else fi;
     n++
  :: else -> break
  od;
  n = 0; confirm = READING
}
inline returnNow() { printf("revoke() RETURNS\n"); confirm = RETURNED; unmark(SINCE_CONFIRM) }

#ifdef M_CONFIRM_IN_ANY_HISTORY
#define SAME_HISTORY true
#else
#define SAME_HISTORY (confirmHistory == history && epoch >= confirmEpoch)
#endif

proctype Writers() {
end:
  do
  /* [write] of another key */
  :: d_step { !otherWrote -> printf("another write\n");
       otherWrote = true; epoch++; otherEpoch = epoch; otherHistory = history; mark(SINCE_OTHER); SORT }
  /* the end of its confirmation: rows that have not acknowledged it are reaped */
  :: d_step { otherWrote && MAY_REAP -> reapPending(SINCE_OTHER, otherEpoch); SORT }
#ifndef RESTORE
  /* [write] the revocation */
  :: d_step { !revoked && confirm == IDLE -> printf("revoke() COMMITS\n");
#ifndef M_WRITE_NOT_COMMITTED
       revoked = true; epoch++; revokedAt = epoch; mark(SINCE_REVOKE);
#endif
       mark(SINCE_CONFIRM); confirm = WAITING; confirmEpoch = epoch; confirmHistory = history; SORT }
#endif
  /* [awaitFleet] a read of the rows */
  :: d_step { (confirm == WAITING || confirm == READING) && SAME_HISTORY && JOINED -> readRows();
       if
#ifdef M_SETTLED_IGNORED
       :: !pending -> returnNow()
#else
       :: !pending && settled -> returnNow()
#endif
       :: (pending || !settled) && !held ->
          reapPending(SINCE_CONFIRM, confirmEpoch);
          do :: n < NI -> expire(n, SINCE_CONFIRM); n++ :: else -> break od; n = 0;
          returnNow()
       :: else
       fi;
       if :: confirm == RETURNED -> do :: n < NI -> first[n] = false; n++ :: else -> break od; n = 0 :: else fi;
       pending = false; held = false; SORT }
#ifndef LOSTWRITE
  /* [awaitFleet] no read has succeeded: the write's own reach said how long to wait */
  :: d_step { confirm == WAITING && JOINED ->
       do :: n < NI -> if :: !passed(n, SINCE_CONFIRM) -> held = true :: else fi; n++ :: else -> break od; n = 0;
       if
       :: held -> held = false
       :: else -> do :: n < NI -> expire(n, SINCE_CONFIRM); n++ :: else -> break od; n = 0; returnNow()
       fi; SORT }
#endif
  /* [awaitFleet] another history: it throws, and the caller repeats it */
  :: d_step { (confirm == WAITING || confirm == READING) && (confirmHistory != history || epoch < confirmEpoch) ->
       printf("revoke() throws and is repeated\n");
       if :: !revoked -> revoked = true; epoch++; revokedAt = epoch; mark(SINCE_REVOKE) :: else fi;
       confirm = WAITING; confirmEpoch = epoch; confirmHistory = history; unmark(SINCE_CONFIRM); mark(SINCE_CONFIRM);
       do :: n < NI -> first[n] = false; n++ :: else -> break od; n = 0; SORT }
#ifdef TROUBLE
  /* [settle] somebody has watched for long enough */
  :: d_step { !settled ->
#ifndef M_SETTLED_AT_ONCE
       do
       :: n < NI -> if :: !passed(n, SINCE_LOSS) -> held = true :: else fi; n++
       :: else -> break
       od;
       n = 0;
#endif
       if
       :: held -> held = false
       :: else ->
          printf("settled\n");
          settled = true;
          do :: n < NI -> expire(n, SINCE_LOSS); n++ :: else -> break od; n = 0;
          unmark(SINCE_LOSS)
       fi; SORT }
#endif
  od
}

/* ---- faults ---- */
#ifdef CLONE
proctype Clone() {
end:
  atomic { mine[0] -> printf("1 begins as a copy of 0\n");
    at[1] = at[0]; mine[1] = true;
    known[1] = known[0]; knownHistory[1] = knownHistory[0]; asked[1] = OVER;
    key[1] = (key[0] == CACHED -> CACHED : NONE); run Instance(1) }
}
#endif
inline unsettle() { settled = false; unmark(SINCE_LOSS); mark(SINCE_LOSS) }

#ifdef TROUBLE
proctype Faults() {
end:
  do
#if defined(M_ACKNOWLEDGE_NOT_DURABLE) || defined(M_ATTACH_NOT_DURABLE)
  /* the server crashes, and the last commits that were not durable are lost; history and roster stay */
  :: atomic { trouble > 0 -> printf("CRASH\n"); trouble--;
       do
       :: n < NI ->
          if
          :: skip
#ifdef M_ATTACH_NOT_DURABLE
          :: row[n] && acknowledged[n] == 0 -> unregister(n)
#else
          :: acknowledged[n] > 0 -> acknowledged[n]--
          :: acknowledged[n] > 1 -> acknowledged[n] = 0
#endif
          fi;
          n++
       :: else -> break
       od; n = 0; SORT }
#endif
#ifdef LOSS
  /* TRUNCATE, DELETE by hand */
  :: atomic { trouble > 0 -> printf("ROWS LOST\n"); trouble--;
       do :: n < NI -> if :: skip :: row[n] -> unregister(n) fi; n++ :: else -> break od; n = 0;
#ifndef M_NO_ROSTER
       unsettle();
#endif
       SORT }
#endif
#ifdef FAILOVER
  /* to a standby that lacks registrations and acknowledgements, and with M_... or LOSTWRITE the revocation itself */
  :: atomic { trouble > 0 && history == 0 -> printf("FAILOVER\n"); trouble--; history = 1;
       do
       :: n < NI ->
          if :: skip :: row[n] -> unregister(n)
             :: acknowledged[n] > 0 -> acknowledged[n]-- :: acknowledged[n] > 1 -> acknowledged[n] = 0 fi; n++
       :: else -> break
       od; n = 0;
#ifdef LOSTWRITE
       if
       :: revoked && revokedAt == epoch && (confirm == WAITING || confirm == READING) ->
          revoked = false; revokedAt = 0; epoch--; unmark(SINCE_REVOKE);
          do :: n < NI -> if :: acknowledged[n] > epoch -> acknowledged[n] = epoch :: else fi; n++ :: else -> break od; n = 0
       :: skip
       fi;
#endif
#ifndef M_FAILOVER_UNSEEN
       unsettle();
#endif
       SORT }
#endif
#ifdef RESTORE
  /* a dump without the key: the epoch goes back, rows are what they are. It is the revocation here, and nobody confirms it. */
  :: atomic { trouble > 0 && epoch > 1 -> printf("DUMP RESTORED\n"); trouble--;
       revoked = true; revokedAt = 0; epoch--; mark(SINCE_REVOKE);
       do :: n < NI -> if :: skip :: row[n] -> unregister(n) :: acknowledged[n] > 0 -> acknowledged[n] = 0 fi; n++ :: else -> break od; n = 0;
#ifndef M_OLD_TAG_COMES_BACK
       history = 1;
#endif
       unsettle(); SORT }
#endif
  od
}
#endif

#ifdef SYM
c_code {
typedef struct { uchar b[17]; } Instance_t;
static void sort_instances(void) {
  Instance_t all[NI], x;
  int i, j;
  for (i = 0; i < NI; i++) {
    uchar *b = all[i].b;
    b[0] = now.row[i]; b[1] = now.acknowledged[i]; b[2] = now.link[i]; b[3] = now.mine[i]; b[4] = now.known[i];
    b[5] = now.knownHistory[i]; b[6] = now.asked[i]; b[7] = now.answer[i]; b[8] = now.answerHistory[i];
    b[9] = now.answerChanged[i]; b[10] = now.answerSent[i]; b[11] = now.lease[i]; b[12] = now.since[i]; b[13] = now.key[i];
    b[14] = now.first[i]; b[15] = 0; b[16] = 0;
  }
  for (i = 1; i < NI; i++)
    for (j = i; j > 0 && memcmp(all[j].b, all[j - 1].b, sizeof x) < 0; j--) { x = all[j]; all[j] = all[j - 1]; all[j - 1] = x; }
  for (i = 0; i < NI; i++) {
    uchar *b = all[i].b;
    now.row[i] = b[0]; now.acknowledged[i] = b[1]; now.link[i] = b[2]; now.mine[i] = b[3]; now.known[i] = b[4];
    now.knownHistory[i] = b[5]; now.asked[i] = b[6]; now.answer[i] = b[7]; now.answerHistory[i] = b[8];
    now.answerChanged[i] = b[9]; now.answerSent[i] = b[10]; now.lease[i] = b[11]; now.since[i] = b[12]; now.key[i] = b[13];
    now.first[i] = b[14];
  }
}
}
#endif

init {
  atomic {
    byte k = 0;
#ifdef CLONE
    run Instance(0);
    run Clone();
#else
    do :: k < NI -> run Instance(k); k++ :: else -> break od;
    k = 0;
#endif
    run Writers();
#ifdef TROUBLE
    run Faults()
#endif
  }
}
