/*
 * The protocol between a thread that logs calls, its own signal handlers, and the reader in another process:
 * Sources/ApusProbe/Programs/LogRoutines.swift (append, log, logReturn) and Sources/ApusRecord/RingReader.swift.
 *
 * Addresses are places here: 0 is the buffer's start, PLACES its end. The steps have the numbers that they have there:
 *   A (append), restartable: 1 the position is read; at or above the limit, go to L. 2 The word is stored in its place.
 *     3 The position goes up (release).
 *   L (log):
 *     2 Turn, restartable: at the end the limit becomes 0, then the position goes back to the start (release).
 *     1, 3 Measure, restartable: consumed is read (acquire), and the position. With ROOM places free, one of which is never used,
 *       and nothing owed, the limit is raised: to the end, or to one place below what is not consumed (the end less one
 *       place if that is the start). Then A again.
 *     3 Gap: what is owed is taken by exchange, while the limit stays 0; if it has changed, L again. It is appended by a range
 *       of its own, restartable, which looks at the consumed place; without room it is given back, and L again. Then the
 *       stack chunk is logged, by A and L as any event; then A again.
 *     4 No room: the event is lost, or the writer waits (A again), by the policy.
 *   O (logReturn): a return that was lost is owed: the count goes up, then the limit becomes 0.
 *   R (RingReader): 1 the position is read (acquire). 2 The words up to it are read, or up to the end if it is below what is
 *     consumed; at the end the reader goes on at the start once the position is not at the end any more. 3 Consumed is
 *     raised (release), for one word or many.
 *
 * Both sides' stores wait in a buffer before the other side sees them. Plain stores to different places become visible in any
 * order; a release becomes visible after all stores before it, and later stores may overtake it: as weak as arm64's.
 * What is private to the writer's thread (limit, owed returns) needs no buffer. A handler comes at any step that others can tell
 * apart, but not in another handler.
 *
 * Checked: every word that the reader takes is the one that was logged in its place, and no place is written before its
 * word was read; calls are recorded or lost, and every frame that a return or a gap closes is the innermost and has
 * returned; and the writer comes to its end (`ends`), whether the reader goes on, dies, or stands still.
 *
 * Tools/models.sh runs it, as it is and with each of the mistakes below (-DNAME), which must be found.
 *   WRITER_PLAIN      the position is raised by a plain store
 *   READER_PLAIN      the word is loaded before the position
 *   READER_EARLY      the consumed word is raised before the words are read
 *   READER_TURNS      the reader goes to the start before the writer does
 *   ROOM_TOO_MUCH     the limit is one place too high
 *   FULL_IS_EMPTY     no place stays free: a full buffer looks like an empty one
 *   TURN_KEEPS_LIMIT  the limit is not cleared when the position goes back
 *   GAP_LATE          the limit is raised before the gap is logged
 *   GAP_UNCHECKED     the gap is appended without another look at what is consumed
 *   OWED_STORED       what is owed is set to 0 instead of exchanged: a handler's gap is logged twice
 *   OWED_FORGOTTEN    a gap that finds no room is not given back
 *   NO_RESTART, NO_RESTART_TURN, NO_RESTART_MEASURE, NO_RESTART_GAP
 *                     a handler finds an append (a turn, ...) half done, and that goes on where it was
 *   LIMIT_STAYS       a return is owed, but the limit stays: other events may come first
 *   NO_OWNER          a waiting writer does not look whether the owner has died
 *   NO_PATIENCE       nor at the clock
 * No mistake: TURN_PLAIN. The store that takes the position back need not be a release, since it stays behind the earlier ones
 * of the same word.
 *
 * Known and open, under the policy to drop; the runner sees to it that this stays true:
 *   - SIGNALS=2. One handler comes at L2, in the log of a return, and leaves the limit above the position; but there are not
 *     ROOM places any more, and the return is lost. Another comes in the midst of O: it logs an entry, finds the buffer
 *     full, and the gap closes its frame. With TOGETHER the limit becomes 0 first and the two are one restartable
 *     range (likewise where a gap is given back): then it holds.
 *   - STACK_FIRST checks that the stack chunk comes right after a gap. With just ROOM places, three are left after the gap; the
 *     chunk's own log measures anew, and is lost.
 *
 *   WAIT            the policy: wait for room (else: drop)
 *   DEATH           the reader may die at any moment
 *   STOPPED         the reader may stand still for ever; then patience is over some time
 *   START           the place where both begin, as after earlier events
 */
#ifndef PLACES
#define PLACES 5   /* the buffer's words */
#endif
#define ROOM 4     /* places that must be free before the limit is raised */
#ifndef CALLS
#define CALLS 4    /* calls that are made */
#endif
#define DEPTH 2
#ifndef SIGNALS
#define SIGNALS 1  /* handlers */
#endif
#ifndef HANDLED
#define HANDLED 1  /* calls that a handler makes, besides */
#endif
#ifndef START
#define START 0
#endif
#if CALLS + SIGNALS * HANDLED > 7
#error "the checks have bits for seven calls"
#endif
#define WAITING 2  /* stores of one side that may wait */
#define POSITION PLACES
#define CONSUMED (PLACES + 1)

/* A word: what it is, and of which call or of how many. */
#define STACK 0
#define ENTRY 1
#define RETURN 2
#define GAP 3
#define WORD(kind, what) ((kind) + 4 * (what))
#define KIND(word) ((word) & 3)
#define WHAT(word) ((word) >> 2)

byte memory[PLACES + 2];           /* what all see: the places, the position, the consumed word */
typedef Store { byte place; byte value; bool release };
Store writers[WAITING]; byte writersCount;
Store readers[WAITING]; byte readersCount;
bool ownerDied, gaveUp, isDone, isStill;

#ifdef WRITER_PLAIN
#define ORDERED false
#else
#define ORDERED true
#endif

#ifdef TURN_PLAIN
#define TURNED false
#else
#define TURNED true
#endif

/* What the checks know: the word in each place that was not read yet, and who is where. */
byte logged[PLACES];
byte made;                         /* calls */
byte missing;                      /* of which were neither read nor lost */
byte owed;                         /* the thread's count of owed returns */
byte unseen;                       /* a bit for each call whose return was owed */
byte open[8], openCount;           /* frames that the reader knows to be open */
#ifdef WAIT
bool hasLost;
#endif

#define PUT(side, p, v, r) \
  side##Count < WAITING; side[side##Count].place = p; side[side##Count].value = v; \
    side[side##Count].release = r; side##Count++

/* One of the first two stores becomes visible. */
#define SHOW(side) \
  :: atomic { side##Count > 0 -> memory[side[0].place] = side[0].value; side##Count--; \
      side[0].place = side[1].place; side[0].value = side[1].value; side[0].release = side[1].release; \
      side[1].place = 0; side[1].value = 0; side[1].release = false } \
  :: atomic { side##Count > 1 && !side[1].release && side[0].place != side[1].place -> \
      memory[side[1].place] = side[1].value; side##Count--; \
      side[1].place = 0; side[1].value = 0; side[1].release = false }

proctype Memory() {
end:
  do
  SHOW(writers)
  SHOW(readers)
  od
}

/* A signal may be delivered here; afterwards the thread goes on at `back`, with what it has in registers: `wanted`, `stacks` and
 * `gap`. Within a restartable range `back` is its beginning. */
#define SIGNAL(back) \
  if :: atomic { signals > 0 && !inHandler -> signals--; resume = back; at = 0; consumed = 0; raised = 0 }; goto handler \
  :: skip fi

#define AT_APPEND 1
#define AT_TURN 2
#define AT_MEASURE 3
#define AT_EXCHANGE 4
#define AT_GAP 5
#define AT_GIVE 6
#define AT_OWE 7
#define AT_ZERO 8
#define AT_STORE 9
#define AT_BACK 10
#define AT_RAISE 11
#define AT_GAP_STORE 12

proctype Writer() {
  byte position = START, limit, at, consumed, raised, wanted, stacks, gap, depth, stack[DEPTH];
  byte signals = SIGNALS, resume, keptWanted, keptStacks, keptGap, handled, keptAt;
  bool inHandler, ok;

  /* As ContextTable.insert sets it; elsewhere as L3 would. */
  limit = (START == 0 -> PLACES - 1 : PLACES);
next:
  if
  :: made < CALLS && depth < DEPTH -> atomic { made++; missing++; wanted = WORD(ENTRY, made) }
  :: depth > 0 -> wanted = WORD(RETURN, stack[depth - 1])
  :: made >= CALLS && depth == 0 -> goto finished
  fi;

  /* A1: the stack chunk, after a gap, or the event. */
append:
  if :: position >= limit -> goto turn :: else at = position fi;
  SIGNAL(AT_APPEND);
store:
  /* A2. */
  atomic {
    assert(at < PLACES && logged[at] == 0);
    PUT(writers, at, (stacks > 0 -> WORD(STACK, 1) : wanted), false)
  };
#ifdef NO_RESTART
  if :: atomic { signals > 0 && !inHandler -> signals--; resume = AT_STORE; keptAt = at; at = 0 }; goto handler :: skip fi;
#else
  SIGNAL(AT_APPEND);
#endif
raise:
  /* A3. */
  atomic {
    PUT(writers, POSITION, at + 1, ORDERED);
    assert(logged[at] == 0);
    position = at + 1; logged[at] = (stacks > 0 -> WORD(STACK, 1) : wanted); at = 0; ok = true
  };
  goto done;

  /* L2. */
turn:
  SIGNAL(AT_TURN);
  if :: position != PLACES -> goto measure :: else fi;
#ifndef TURN_KEEPS_LIMIT
  limit = 0;
#endif
#ifdef NO_RESTART_TURN
  SIGNAL(AT_BACK);
back:
#else
  SIGNAL(AT_TURN);
#endif
  atomic { PUT(writers, POSITION, 0, TURNED); position = 0 };

  /* L1 and L3: what is free? */
measure:
  SIGNAL(AT_MEASURE);
  atomic {
    consumed = memory[CONSUMED];
    if
    :: position < consumed ->
        if :: consumed - position < ROOM -> consumed = 0; goto noRoom :: else fi;
        raised = consumed - 1
    :: else ->
        if :: PLACES + consumed - position < ROOM -> consumed = 0; goto noRoom :: else fi;
        raised = (consumed == 0 -> PLACES - 1 : PLACES)
    fi;
    consumed = 0;
#ifdef ROOM_TOO_MUCH
    raised = raised + 1;
#endif
#ifdef FULL_IS_EMPTY
    if :: raised < PLACES -> raised = raised + 1 :: else fi;
#endif
#ifdef NO_RESTART_MEASURE
    if :: owed > 0 -> raised = 0; gap = owed; goto exchange :: else fi
#endif
  };
#ifdef NO_RESTART_MEASURE
  if :: atomic { signals > 0 && !inHandler -> signals--; resume = AT_RAISE; keptAt = raised; raised = 0 }; goto handler
  :: skip fi;
lift:
  atomic { limit = raised; raised = 0 };
  goto append;
#else
  SIGNAL(AT_MEASURE);
  atomic {
#ifdef GAP_LATE
    limit = raised;
#endif
    if :: owed > 0 -> gap = owed; raised = 0; goto taking :: else fi;
    limit = raised; raised = 0;
    goto append
  };
#endif

  /* L3: what is owed is logged first. */
taking:
  SIGNAL(AT_EXCHANGE);
exchange:
#ifdef OWED_STORED
  owed = 0;
#else
  if :: atomic { owed == gap -> owed = 0 } :: atomic { else -> gap = 0 }; goto turn fi;
#endif
  SIGNAL(AT_GAP);
gapAppend:
  atomic {
    at = position;
#ifndef GAP_UNCHECKED
    if :: at == PLACES -> at = 0; goto gapFull :: else fi;
    consumed = memory[CONSUMED];
    if :: consumed == 0 -> consumed = PLACES :: else fi;
    if :: consumed == at + 1 -> consumed = 0; at = 0; goto gapFull :: else fi;
    consumed = 0
#endif
  };
gapStore:
  atomic {
    assert(at < PLACES && logged[at] == 0);
    PUT(writers, at, WORD(GAP, gap), false)
  };
#ifdef NO_RESTART_GAP
  if :: atomic { signals > 0 && !inHandler -> signals--; resume = AT_GAP_STORE; keptAt = at; at = 0 }; goto handler
  :: skip fi;
gapRaise:
#else
  SIGNAL(AT_GAP);
#endif
  atomic {
    PUT(writers, POSITION, at + 1, ORDERED);
    assert(logged[at] == 0);
    position = at + 1; logged[at] = WORD(GAP, gap); at = 0; gap = 0; stacks++
  };
  goto append;
gapFull:
  SIGNAL(AT_GIVE);
give:
#ifdef TOGETHER
  limit = 0;
  SIGNAL(AT_GIVE);
#endif
  atomic {
#ifndef OWED_FORGOTTEN
    owed = owed + gap;
#endif
    gap = 0
  };
  goto turn;

  /* L4. */
noRoom:
#ifdef WAIT
  if :: gaveUp -> goto without :: else fi;
#ifndef NO_OWNER
  if :: ownerDied -> goto without :: else fi;
#endif
#ifndef NO_PATIENCE
  if :: isStill -> gaveUp = true; goto without :: else fi;
#endif
  goto append;
#endif
without:
  ok = false;

  /* The stack chunk's own log returns; or that of the event. */
done:
  if
  :: stacks > 0 -> atomic { stacks--; ok = false }; goto append
  :: else
  fi;
  if
  :: KIND(wanted) == ENTRY && ok && !inHandler -> atomic { stack[depth] = WHAT(wanted); depth++ }
  :: KIND(wanted) == ENTRY && !ok -> atomic {
      missing--
#ifdef WAIT
      ; hasLost = true
#endif
    }
  :: KIND(wanted) == RETURN ->
      if :: !inHandler -> atomic { depth--; stack[depth] = 0 } :: else fi;
      if :: !ok ->
          /* O. */
          SIGNAL(AT_OWE);
owe:
#ifdef TOGETHER
          limit = 0;
          SIGNAL(AT_OWE);
#endif
          atomic { owed++; unseen = unseen | (1 << WHAT(wanted)) };
#ifndef TOGETHER
          SIGNAL(AT_ZERO);
zero:
#ifndef LIMIT_STAYS
          limit = 0;
#endif
#endif
      :: else fi
  :: else
  fi;
  if
  :: inHandler && KIND(wanted) == ENTRY && ok -> atomic { wanted = WORD(RETURN, WHAT(wanted)); ok = false }; goto append
  :: inHandler && !(KIND(wanted) == ENTRY && ok) && handled == HANDLED -> handled = 0; goto interrupted
  :: inHandler && !(KIND(wanted) == ENTRY && ok) && handled < HANDLED ->
      atomic { handled++; made++; missing++; wanted = WORD(ENTRY, made); ok = false }; goto append
  :: !inHandler -> atomic { wanted = 0; ok = false }; goto next
  fi;

handler:
  atomic {
    keptWanted = wanted; keptStacks = stacks; keptGap = gap;
    inHandler = true; handled = 1; made++; missing++; wanted = WORD(ENTRY, made); stacks = 0; gap = 0; ok = false
  };
  goto append;
interrupted:
  atomic {
    wanted = keptWanted; stacks = keptStacks; gap = keptGap; at = keptAt; ok = false;
    keptWanted = 0; keptStacks = 0; keptGap = 0; keptAt = 0; inHandler = false;
    handled = resume; resume = 0
  };
  /* `handled` is free now. */
  if
  :: atomic { handled == AT_APPEND -> handled = 0 }; goto append
  :: atomic { handled == AT_TURN -> handled = 0 }; goto turn
  :: atomic { handled == AT_MEASURE -> handled = 0 }; goto measure
  :: atomic { handled == AT_EXCHANGE -> handled = 0 }; goto exchange
  :: atomic { handled == AT_GAP -> handled = 0 }; goto gapAppend
  :: atomic { handled == AT_GIVE -> handled = 0 }; goto give
  :: atomic { handled == AT_OWE -> handled = 0 }; goto owe
#ifndef TOGETHER
  :: atomic { handled == AT_ZERO -> handled = 0 }; goto zero
#endif
#ifdef NO_RESTART
  :: atomic { handled == AT_STORE -> handled = 0 }; goto raise
#endif
#ifdef NO_RESTART_TURN
  :: atomic { handled == AT_BACK -> handled = 0 }; goto back
#endif
#ifdef NO_RESTART_MEASURE
  :: atomic { handled == AT_RAISE -> handled = 0; raised = at; at = 0 }; goto lift
#endif
#ifdef NO_RESTART_GAP
  :: atomic { handled == AT_GAP_STORE -> handled = 0 }; goto gapRaise
#endif
  fi;
finished:
  isDone = true
}

/* What the reader learns from a word. */
inline look(w) {
  d_step {
    assert(w != 0 && w == logged[consumed]);
    logged[consumed] = 0;
#ifdef STACK_FIRST
    if
    :: KIND(w) == STACK -> lacksStack = false
    :: KIND(w) == ENTRY || KIND(w) == RETURN -> assert(!lacksStack)
    :: else
    fi;
#endif
    if
    :: KIND(w) == ENTRY -> open[openCount] = WHAT(w); openCount++; missing--
    :: KIND(w) == RETURN ->
        assert(openCount > 0 && open[openCount - 1] == WHAT(w));
        openCount--; open[openCount] = 0
    :: KIND(w) == GAP ->
        assert(WHAT(w) > 0);
        count = WHAT(w);
#ifdef STACK_FIRST
        lacksStack = true;
#endif
        do
        :: count > 0 ->
            assert(openCount > 0);
            openCount--;
            assert((unseen >> open[openCount]) & 1);
            unseen = unseen & ~(1 << open[openCount]);
            open[openCount] = 0; count--
        :: else -> break
        od
    :: else
    fi
  }
}

proctype Reader() {
  byte consumed = START, until = START, position, word, count;
#ifdef READER_EARLY
  bool early;
#endif
#ifdef STACK_FIRST
  bool lacksStack;
#endif
  do
  :: consumed == until ->
#ifdef READER_PLAIN
      word = memory[(consumed == PLACES -> 0 : consumed)];
#endif
      /* R1. */
      atomic {
        position = memory[POSITION];
        assert(position <= PLACES);
        if
#ifdef READER_TURNS
        :: consumed == PLACES -> consumed = 0
#else
        :: consumed == PLACES && position < consumed -> consumed = 0
#endif
        :: else
        fi;
        until = (position < consumed -> PLACES : position)
      };
      if :: until == consumed ->
          if
          :: atomic { isDone && writersCount == 0 && memory[POSITION] == position -> break }
          :: memory[POSITION] != position
#ifdef DEATH
          :: ownerDied = true; goto gone
#endif
#ifdef STOPPED
          :: isStill = true; goto gone
#endif
          fi
      :: else fi;
      position = 0
  :: consumed != until ->
#ifdef READER_EARLY
      if :: !early -> atomic { PUT(readers, CONSUMED, until, true); early = true } :: else fi;
#endif
      /* R2. */
      atomic {
#ifndef READER_PLAIN
        word = memory[consumed];
#endif
        look(word);
        word = 0; consumed++
      };
#ifdef READER_EARLY
      early = (consumed != until);
#else
      /* R3. */
      if
      :: atomic { PUT(readers, CONSUMED, consumed, true) }
      :: consumed != until
      fi;
#endif
#ifdef READER_PLAIN
      word = memory[(consumed == PLACES -> 0 : consumed)]
#endif
#ifdef DEATH
  :: consumed != until -> ownerDied = true; goto gone
#endif
#ifdef STOPPED
  :: consumed != until -> isStill = true; goto gone
#endif
  od;
  /* The last drain: everything is accounted for. */
  assert(missing == 0);
  assert(openCount == owed);
#ifdef WAIT
  assert(!hasLost && owed == 0);
#endif
gone:
  skip
}

init {
  atomic { memory[POSITION] = START; memory[CONSUMED] = START; run Memory(); run Writer(); run Reader() }
}

ltl ends { <> isDone }
