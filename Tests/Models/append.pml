/*
 * The protocol between a thread that logs calls, its own signal handlers, and the reader in another process:
 * Sources/ApusProbe/Programs/LogRoutines.swift (append, log, logReturn) and Sources/ApusRecord/RingReader.swift.
 *
 * Both sides' stores wait in a buffer before the other side sees them. Plain stores to different places become visible in any
 * order; a release becomes visible after all stores before it, and later stores may overtake it: as weak as arm64's.
 * What is private to the writer's thread (limit, owed returns) needs no buffer.
 *
 * Checked: every word that the reader takes is the one that was logged in its place; calls and returns, recorded, lost or
 * covered by a gap, are exactly those that were made; nobody overruns the buffer; and the writer comes to its end
 * (`ends`), whether the reader goes on, dies, or stands still.
 *
 * Tools/models.sh runs it, as it is and with each of the mistakes below (-DNAME), which must be found.
 *   WRITER_PLAIN    the position is raised by a plain store
 *   READER_PLAIN    the word is loaded before the position
 *   READER_EARLY    the consumed word is raised before the words are read
 *   ROOM_TOO_MUCH   the limit is one place too high
 *   NO_RESTART      a handler finds an append half done, and it goes on where it was
 *   LIMIT_STAYS     a return is owed, but the limit stays: other events may come first
 *   NO_OWNER        a waiting writer does not look whether the owner has died
 *   NO_PATIENCE     nor at the clock
 *
 * Known and open: with HANDLED=2, under the policy to drop, a handler that comes between the raise of the limit and the
 * gap logs its calls before the gap, and if it fills the buffer anew, the gap closes a frame of the handler's instead of
 * the one that it is for. The counts stay exact, the nesting does not.
 *
 *   WAIT            the policy: wait for room (else: drop)
 *   DEATH           the reader may die at any moment
 *   STOPPED         the reader may stand still for ever; then patience is over some time
 */
#define PLACES 4   /* the buffer's words */
#ifndef CALLS
#define CALLS 4    /* calls that are made */
#endif
#define DEPTH 2
#define SIGNALS 1  /* handlers */
#ifndef HANDLED
#define HANDLED 1  /* calls that a handler makes, besides */
#endif
#define WAITING 2  /* stores of one side that may wait */
#define POSITION PLACES
#define CONSUMED (PLACES + 1)

/* A word: what it is, and of which call or of how many. */
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

/* What the checks know: the word of each position, and who is where. */
#define LONGEST 40
byte logged[LONGEST];
byte taken;
byte made, lost, owed, entriesRead, returnsRead, gapsRead, open[8], openCount;

#define PUT(side, p, v, r) \
  atomic { side##Count < WAITING; side[side##Count].place = p; side[side##Count].value = v; \
    side[side##Count].release = r; side##Count++ }

/* One of the first two stores becomes visible. */
#define SHOW(side) \
  :: atomic { side##Count > 0 -> memory[side[0].place] = side[0].value; side##Count--; \
      side[0].place = side[1].place; side[0].value = side[1].value; side[0].release = side[1].release; \
      side[1].place = 0; side[1].value = 0; side[1].release = false } \
  :: atomic { side##Count > 1 && !side[1].release && side[0].place != side[1].place -> \
      memory[side[1].place] = side[1].value; side##Count--; \
      side[1].place = 0; side[1].value = 0; side[1].release = false }

active proctype Memory() {
end:
  do
  SHOW(writers)
  SHOW(readers)
  od
}

/* A signal may be delivered here; afterwards the thread goes on at `back`. */
#define SIGNAL(back) \
  if :: signals > 0 && !inHandler -> signals--; resume = back; goto handler \
  :: skip fi

active proctype Writer() {
  byte position, limit = PLACES, at, room, word, wanted, gap, call, depth, stack[DEPTH];
  byte signals = SIGNALS, resume, keptAt, keptWord, keptWanted, keptGap;
  byte handled;
  bool inHandler, isGap, keptIsGap, ok;

next:
  if
  :: made < CALLS && depth < DEPTH -> atomic { made++; call = made; wanted = WORD(ENTRY, call) }; goto log
  :: depth > 0 -> wanted = WORD(RETURN, stack[depth - 1]); goto log
  :: made >= CALLS && depth == 0 -> goto finished
  fi;

log:
  word = wanted; isGap = false;
append:
  at = position;
  if :: at >= limit -> goto noPlace :: else fi;
  SIGNAL(1);
store:
  PUT(writers, at % PLACES, word, false);
  SIGNAL(2);
raise:
  atomic {
    PUT(writers, POSITION, at + 1, ORDERED);
    position = at + 1; logged[at] = word; at = 0
  };
  if :: isGap -> gap = 0; isGap = false;
      if :: owed > 0 -> goto take :: else -> word = wanted; goto append fi
  :: else -> ok = true; goto done fi;

noPlace:
  if :: isGap ->
      owed = owed + gap;
      gap = 0; isGap = false; word = wanted
  :: else fi;
  room = memory[CONSUMED];
#ifdef ROOM_TOO_MUCH
  room = room + 1;
#endif
  if :: room + PLACES < position + 3 -> goto noRoom :: else fi;
  limit = room + PLACES; room = 0;
  SIGNAL(3);
retry:
  if :: owed == 0 -> goto append :: else fi;
take:
  gap = owed;
  SIGNAL(4);
exchange:
  if :: atomic { owed == gap -> owed = 0 } :: else -> gap = 0; goto noPlace fi;
  word = WORD(GAP, gap); isGap = true;
  goto append;

noRoom:
  room = 0;
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
done:
  if
  :: KIND(wanted) == ENTRY && ok && !inHandler -> atomic { stack[depth] = WHAT(wanted); depth++ }
  :: KIND(wanted) == ENTRY && !ok -> lost++
  :: KIND(wanted) == RETURN ->
      if :: !inHandler -> atomic { depth--; stack[depth] = 0 } :: else fi;
      if :: !ok ->
          SIGNAL(6);
owe:
          owed++;
          SIGNAL(5);
zero:
#ifndef LIMIT_STAYS
          limit = 0;
#endif
      :: else fi
  :: else
  fi;
  if
  :: inHandler && KIND(wanted) == ENTRY && ok -> wanted = WORD(RETURN, WHAT(wanted)); goto log
  :: inHandler && !(KIND(wanted) == ENTRY && ok) && handled == HANDLED -> handled = 0; goto back
  :: inHandler && !(KIND(wanted) == ENTRY && ok) && handled < HANDLED ->
      atomic { handled++; made++; wanted = WORD(ENTRY, made) }; goto log
  :: !inHandler -> wanted = 0; ok = false; goto next
  fi;

handler:
  atomic {
    keptAt = at; keptWord = word; keptWanted = wanted; keptGap = gap; keptIsGap = isGap;
    inHandler = true; handled = 1; made++; wanted = WORD(ENTRY, made); at = 0; gap = 0
  };
  goto log;
back:
  atomic {
    at = keptAt; word = keptWord; wanted = keptWanted; gap = keptGap; isGap = keptIsGap; ok = false;
    keptAt = 0; keptWord = 0; keptWanted = 0; keptGap = 0; keptIsGap = false; inHandler = false
  };
  if
#ifdef NO_RESTART
  :: resume == 1 -> goto store
  :: resume == 2 -> goto raise
#else
  :: resume < 3 -> goto append
#endif
  :: resume == 3 -> goto retry
  :: resume == 4 -> goto exchange
  :: resume == 5 -> goto zero
  :: resume == 6 -> goto owe
  fi;
finished:
  isDone = true
}

/* What the reader learns from a word. */
inline look(w) {
  d_step {
    assert(w == logged[taken]);
    logged[taken] = 0;
    taken++;
    if
    :: KIND(w) == ENTRY -> open[openCount] = WHAT(w); openCount++; entriesRead++
    :: KIND(w) == RETURN ->
        assert(openCount > 0 && open[openCount - 1] == WHAT(w));
        openCount--; open[openCount] = 0; returnsRead++
    :: KIND(w) == GAP ->
        assert(WHAT(w) > 0 && WHAT(w) <= openCount);
        openCount = openCount - WHAT(w); gapsRead = gapsRead + WHAT(w)
    :: else -> assert(false)
    fi
  }
}

active proctype Reader() {
  byte position, consumed, word;
  do
  :: consumed == position ->
#ifdef READER_PLAIN
      word = memory[consumed % PLACES];
#endif
      position = memory[POSITION];
      assert(position >= consumed && position - consumed <= PLACES);
      if :: position == consumed ->
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
      :: else fi
  :: consumed != position ->
#ifdef READER_EARLY
      PUT(readers, CONSUMED, consumed + 1, true);
#endif
      atomic {
#ifndef READER_PLAIN
        word = memory[consumed % PLACES];
#endif
        look(word);
        word = 0
      };
#ifndef READER_EARLY
      PUT(readers, CONSUMED, consumed + 1, true);
#endif
      consumed++
#ifdef READER_PLAIN
      ; word = memory[consumed % PLACES]
#endif
#ifdef DEATH
  :: consumed != position -> ownerDied = true; goto gone
#endif
#ifdef STOPPED
  :: consumed != position -> isStill = true; goto gone
#endif
  od;
  /* The last drain: everything is accounted for. */
  assert(entriesRead + lost == made);
  assert(entriesRead == returnsRead + gapsRead + owed);
  assert(openCount == owed);
#ifdef WAIT
  assert(lost == 0 && owed == 0);
#endif
gone:
  skip
}

ltl ends { <> isDone }
