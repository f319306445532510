/*
 * The protocol between a thread that logs calls, its own signal handlers, and the reader in another process:
 * Sources/ApusProbe/Programs: ProgramBuilder+Append.swift, LogRoutines.swift (log, room), LeaveRoutine.swift, ExitRoutine.swift and Sources/ApusRecord/RingReader.swift.
 *
 * Addresses are places here: 0 is the buffer's start, PLACES its end. The steps have the numbers that they have there:
 *   A (append), restartable: 1 the position is read; at or above the limit, go to L. 2 The word is stored in its place.
 *     3 The position goes up (release).
 *   L (room):
 *     2 Turn, restartable: at the end the limit becomes 0, then the position goes back to the start (release).
 *     1, 3 Measure, restartable: consumed is read (acquire), and the position. With ROOM places free, one of which is never used,
 *       and nothing owed, the limit is raised: to the end, or to one place below what is not consumed (the end less one
 *       place if that is the start). Then A again.
 *     3 Gap, restartable: how many returns are owed is read, and the consumed place; the word is stored. With the step that raises the
 *       position (committed), they are owed no more, and the stack chunk is. L again, as without room or if none is owed.
 *     3 Stack, restartable: with returns owed, L again. The same for the stack chunk, which is owed no more then.
 *     4 No room: the event is lost, or the writer waits (L again), by the policy.
 *   O (owe), committed with the frames' closing: the limit becomes 0, the count of owed returns goes up. In exit and leaveFrames, for
 *     what was lost.
 *   S (logStack): the stack chunk is appended as by A, restartable from where it is looked up; at or above the limit it is owed.
 *   R (RingReader): 1 the position is read (acquire). 2 The words up to it are read, or up to the end if it is below what is
 *     consumed; at the end the reader goes on at the start once the position is not at the end any more. 3 Consumed is
 *     raised (release), for one word or many.
 *
 * Both sides' stores wait in a buffer before the other side sees them. Plain stores to different places become visible in any
 * order; a release becomes visible after all stores before it, and later stores may overtake it: as weak as arm64's.
 * What is private to the writer's thread (limit, what is owed) needs no buffer. A handler comes at any step that others can tell
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
 *   GAP_APART         a gap's returns are owed a step longer: a handler's gap says them again
 *   OWED_APART        a return is owed in two steps, the count first: a handler's gap closes its own frame
 *   GAP_ALONE         a gap does not make the stack chunk owed
 *   STACK_EARLY       the stack chunk is appended while returns are owed
 *   STACK_FORGOTTEN   a stack chunk that was lost is not owed
 *   NO_RESTART, NO_RESTART_TURN, NO_RESTART_MEASURE, NO_RESTART_GAP
 *                     a handler finds an append (a turn, ...) half done, and that goes on where it was
 *   LIMIT_STAYS       a return is owed, but the limit stays: other events may come first
 *   NO_OWNER          a waiting writer does not look whether the owner has died
 *   NO_PATIENCE       nor at the clock
 * No mistake: TURN_PLAIN. The store that takes the position back need not be a release, since it stays behind the earlier ones
 * of the same word.
 *
 *   STACK_FIRST     besides: the stack chunk comes between a gap and the next event
 *   WINDOWS         besides: handlers' calls (without handlers: inner ones) are on another stack chunk, logged before and
 *                   after each; every event finds the reader on its chunk, no gap has frames on a chunk that the reader has left
 *   LEAVES          two frames may be left at once, by an event of its own (leaveFrames)
 *
 *   WAIT            the policy: wait for room (else: drop)
 *   DEATH           the reader may die at any moment
 *   STOPPED         the reader may stand still for ever; then patience is over some time
 *   START           the place where both begin, as after earlier events
 */
#ifndef PLACES
#define PLACES 5   /* the buffer's words */
#endif
#define ROOM 2     /* places that must be free before the limit is raised */
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
#if defined(NO_RESTART_GAP) || defined(GAP_APART)
#define KEEPS_GAP
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
#ifdef WINDOWS
byte elsewhere;                    /* a bit for each call on the other stack chunk */
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

/* A signal may be delivered here; afterwards the thread goes on at `back`, with what it has in registers: `wanted`.
 * Within a restartable range `back` is its beginning. */
#define SIGNAL(back) \
  if :: atomic { signals > 0 && !inHandler -> signals--; resume = back; at = 0; consumed = 0; raised = 0 }; goto handler \
  :: skip fi

#define AT_APPEND 1
#define AT_TURN 2
#define AT_MEASURE 3
#define AT_GAP 4
#define AT_PAID 5
#define AT_OWE 7
#define AT_ZERO 8
#define AT_STORE 9
#define AT_BACK 10
#define AT_RAISE 11
#define AT_GAP_STORE 12
#define AT_STACK 14
#define AT_LOSE 15

/* A handler's call begins. */
#ifdef WINDOWS
#define CALL window = 1; wanted = WORD(STACK, 2)
#else
#define CALL made++; missing++; wanted = WORD(ENTRY, made)
#endif
/* The stack chunk that the writer is on. */
#ifdef WINDOWS
#define HERE WORD(STACK, window + 1)
#else
#define HERE WORD(STACK, 1)
#endif

proctype Writer() {
  byte position = START, limit, at, consumed, raised, wanted, gap, depth, stack[DEPTH];
  byte signals = SIGNALS, resume, keptWanted, handled, keptAt;
#ifdef KEEPS_GAP
  byte keptGap;
#endif
  bool inHandler, ok, stackOwed;
#ifdef WINDOWS
  byte window;
#endif

  /* As ContextTable.insert sets it; elsewhere as L3 would. */
  limit = (START == 0 -> PLACES - 1 : PLACES);
next:
  if
#if defined(WINDOWS) && SIGNALS == 0
  :: made < CALLS && depth == 1 -> atomic { CALL }
  :: made < CALLS && depth == 0 -> atomic { made++; missing++; wanted = WORD(ENTRY, made) }
#else
  :: made < CALLS && depth < DEPTH -> atomic { made++; missing++; wanted = WORD(ENTRY, made) }
#endif
#ifdef LEAVES
  :: depth == DEPTH -> atomic {
      unseen = unseen | (1 << stack[0]) | (1 << stack[1]);
      depth = 0; stack[0] = 0; stack[1] = 0; wanted = WORD(GAP, DEPTH)
    }
#endif
  :: depth > 0 -> wanted = WORD(RETURN, stack[depth - 1])
  :: made >= CALLS && depth == 0 -> goto finished
  fi;

  /* A1. */
append:
  if
#ifdef WINDOWS
  :: position >= limit && KIND(wanted) == STACK -> goto done
  :: position >= limit && KIND(wanted) != STACK -> goto turn
#else
  :: position >= limit -> goto turn
#endif
  :: else at = position
  fi;
  SIGNAL(AT_APPEND);
store:
  /* A2. */
  atomic {
    assert(at < PLACES && logged[at] == 0);
    PUT(writers, at, wanted, false)
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
    position = at + 1; logged[at] = wanted; at = 0; ok = true
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
    if :: owed > 0 -> raised = 0; goto taking :: else fi;
    if :: stackOwed -> raised = 0; goto stacking :: else fi
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
    if :: owed > 0 -> raised = 0; goto taking :: else fi;
    if :: stackOwed -> raised = 0; goto stacking :: else fi;
    limit = raised; raised = 0;
    goto append
  };
#endif

  /* L3: returns that are owed are logged first. */
taking:
  SIGNAL(AT_GAP);
gapAppend:
  atomic {
    if :: owed == 0 -> goto turn :: else -> gap = owed fi;
    at = position;
#ifndef GAP_UNCHECKED
    if :: at == PLACES -> at = 0; gap = 0; goto turn :: else fi;
    consumed = memory[CONSUMED];
    if :: consumed == 0 -> consumed = PLACES :: else fi;
    if :: consumed == at + 1 -> consumed = 0; at = 0; gap = 0; goto turn :: else fi;
    consumed = 0
#endif
  };
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
    position = at + 1; logged[at] = WORD(GAP, gap); at = 0;
#ifndef GAP_APART
    owed = owed - gap; gap = 0;
#endif
#ifndef GAP_ALONE
    stackOwed = true
#endif
  };
#ifdef GAP_APART
  SIGNAL(AT_PAID);
paid:
  atomic { owed = owed - gap; gap = 0 };
#endif
  goto turn;

  /* L3: then the stack chunk. */
stacking:
  SIGNAL(AT_STACK);
stackAppend:
  atomic {
#ifndef STACK_EARLY
    if :: owed > 0 -> goto turn :: else fi;
#endif
    at = position;
    if :: at == PLACES -> at = 0; goto turn :: else fi;
    consumed = memory[CONSUMED];
    if :: consumed == 0 -> consumed = PLACES :: else fi;
    if :: consumed == at + 1 -> consumed = 0; at = 0; goto turn :: else fi;
    consumed = 0
  };
  atomic {
    assert(at < PLACES && logged[at] == 0);
    PUT(writers, at, HERE, false)
  };
  SIGNAL(AT_STACK);
  atomic {
    PUT(writers, POSITION, at + 1, ORDERED);
    assert(logged[at] == 0);
    position = at + 1; logged[at] = HERE; at = 0;
    stackOwed = false
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
  goto turn;
#endif
without:
  ok = false;

  /* The log returns. */
done:
  if
#ifdef WINDOWS
  :: KIND(wanted) == STACK ->
      if :: !ok ->
          /* S. */
          SIGNAL(AT_LOSE);
lose:
#ifndef STACK_FORGOTTEN
          stackOwed = true
#else
          skip
#endif
      :: else fi;
      if
      :: window == 1 -> atomic {
          made++; missing++; wanted = WORD(ENTRY, made); elsewhere = elsewhere | (1 << made); ok = false
        };
        goto append
      :: else
      fi
#endif
#ifdef LEAVES
  :: KIND(wanted) == GAP ->
      if :: !ok -> goto owing :: else fi
#endif
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
owing:
          SIGNAL(AT_OWE);
owe:
#ifndef OWED_APART
#ifndef LIMIT_STAYS
          limit = 0;
#endif
          SIGNAL(AT_OWE);
#endif
          atomic {
            if
#ifdef LEAVES
            :: KIND(wanted) == GAP -> owed = owed + DEPTH
#endif
            :: else -> owed++; unseen = unseen | (1 << WHAT(wanted))
            fi
          };
#ifdef OWED_APART
          SIGNAL(AT_ZERO);
zero:
          limit = 0;
#endif
      :: else fi
  :: else
  fi;
#ifdef WINDOWS
  /* Who has changed the stack chunk changes it back. */
  if
  :: window == 1 && !(KIND(wanted) == ENTRY && ok) -> atomic { window = 0; wanted = WORD(STACK, 1); ok = false }; goto append
  :: else
  fi;
#endif
  if
  :: inHandler && KIND(wanted) == ENTRY && ok -> atomic { wanted = WORD(RETURN, WHAT(wanted)); ok = false }; goto append
  :: inHandler && !(KIND(wanted) == ENTRY && ok) && handled == HANDLED -> handled = 0; goto interrupted
  :: inHandler && !(KIND(wanted) == ENTRY && ok) && handled < HANDLED ->
      atomic { handled++; CALL; ok = false }; goto append
  :: !inHandler -> atomic { wanted = 0; ok = false }; goto next
  fi;

handler:
  atomic {
    keptWanted = wanted;
#ifdef KEEPS_GAP
    keptGap = gap;
#endif
    inHandler = true; handled = 1; CALL; gap = 0; ok = false
  };
  goto append;
interrupted:
  atomic {
    wanted = keptWanted; at = keptAt; ok = false;
    keptWanted = 0; keptAt = 0; inHandler = false;
#ifdef KEEPS_GAP
    gap = keptGap; keptGap = 0;
#endif
    handled = resume; resume = 0
  };
  /* `handled` is free now. */
  if
  :: atomic { handled == AT_APPEND -> handled = 0 }; goto append
  :: atomic { handled == AT_TURN -> handled = 0 }; goto turn
  :: atomic { handled == AT_MEASURE -> handled = 0 }; goto measure
  :: atomic { handled == AT_STACK -> handled = 0 }; goto stackAppend
  :: atomic { handled == AT_GAP -> handled = 0 }; goto gapAppend
#ifdef GAP_APART
  :: atomic { handled == AT_PAID -> handled = 0 }; goto paid
#endif
  :: atomic { handled == AT_OWE -> handled = 0 }; goto owe
#ifdef OWED_APART
  :: atomic { handled == AT_ZERO -> handled = 0 }; goto zero
#endif
#ifdef WINDOWS
  :: atomic { handled == AT_LOSE -> handled = 0 }; goto lose
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
#ifdef WINDOWS
    if
    :: KIND(w) == STACK -> stack = WHAT(w) - 1
    :: KIND(w) == ENTRY || KIND(w) == RETURN -> assert(stack == ((elsewhere >> WHAT(w)) & 1))
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
#ifdef WINDOWS
            /* The other chunk's frames are outside no more: it was entered from the first one. */
            assert(stack == 1 || !((elsewhere >> open[openCount]) & 1));
#endif
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
#ifdef WINDOWS
  byte stack;
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
