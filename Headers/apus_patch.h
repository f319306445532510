/* apus_patch.h: what a hand-written live patch says of itself.
 *
 * A patch is ordinary C or C++: functions that take the place of others, compiled to object files (-c) and made one patch by
 * `apus patch pack`. The macros below each leave one record, in a section of its own that `pack` reads and that does not come with
 * the patch. They stand at file scope, outside of functions, and end in a semicolon.
 *
 * C99 or C++11, gcc or clang, x86_64, arm64 or ppc64le; freestanding. There is no library to link: the functions declared here are
 * provided by whoever applies the patch. Who knows the Linux kernel's livepatch finds its terms: a patch's callbacks, shadow variables
 * (klp_shadow_*) and states (struct klp_state).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef APUS_PATCH_H
#define APUS_PATCH_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__GNUC__) || !defined(__LP64__)
#error "apus_patch.h: gcc or clang, for 64 bits"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Replacing functions ------------------------------------------------------------------------------------------------
 *
 *   APUS_REPLACES(new_function, "old_function", "module", "source");
 *
 * new_function takes the place of old_function. It is a function that an object file of the patch defines, static or not; it must have
 * the same parameters and result. The others are strings:
 *   old_function   the name in the module's symbol table, as nm(1) prints it: in C++ the mangled one, "_ZN4shop5priceEi"
 *   module         the program's or library's file name without directories, or "" if the patch is for one only
 *   source         of a static function the name of its source file, as the symbol table has it ("table.c"), or "" for a function
 *                  that all files see, and for a static one of whose name there is only one
 *
 * new_function may call old_function by its name; as long as the patch is applied, that call arrives at new_function again.
 */
#define APUS_REPLACES(new_function, old_function, module, source) \
  APUS_RECORD_(APUS_REPLACES_, __COUNTER__, new_function, old_function, module, source)

/* ---- Callbacks -----------------------------------------------------------------------------------------------------------
 *
 * Functions of the patch that run while it is applied to, or taken from, a module; at most one of each sort for each module.
 *
 *   pre_patch     before the module's functions are replaced. Not 0 refuses: the patch is not applied to the module, and what was
 *                 done already is undone (post_unpatch is not called for what refused itself).
 *   post_patch    when all threads run the new functions
 *   pre_unpatch   before the old functions come back; not when an application that was not finished is reversed
 *   post_unpatch  when no thread runs a new function any more
 *
 * A patch that another one replaces as a whole (replace-all) gets no pre_unpatch and no post_unpatch: the new patch's callbacks do
 * what has to be done.
 *
 * module is as above, the file name or "" for the only one. The function is static or not.
 */
enum apus_module_state {
  APUS_MODULE_LIVE = 0,   /* it was there before */
  APUS_MODULE_COMING = 1, /* it is being loaded (dlopen), and the patch was there before it */
  APUS_MODULE_GOING = 2   /* it is being unloaded (dlclose) */
};

/* What a callback is told. It is valid during the call. */
struct apus_module {
  const char *name;  /* the file's name, without directories */
  uint64_t bias;     /* what has been added to the addresses that its file says */
  uint32_t state;    /* enum apus_module_state */
  uint32_t reserved; /* 0 */
};

#define APUS_PRE_PATCH(function, module) APUS_RECORD_(APUS_PRE_PATCH_, __COUNTER__, function, module, , )
#define APUS_POST_PATCH(function, module) APUS_RECORD_(APUS_CALLBACK_, __COUNTER__, function, module, 1, )
#define APUS_PRE_UNPATCH(function, module) APUS_RECORD_(APUS_CALLBACK_, __COUNTER__, function, module, 2, )
#define APUS_POST_UNPATCH(function, module) APUS_RECORD_(APUS_CALLBACK_, __COUNTER__, function, module, 3, )

/* ---- Shadow variables ----------------------------------------------------------------------------------------------------
 *
 * A shadow variable is memory beside an object that exists, whose type cannot grow: found by the object's address and a number, the id,
 * which says what it is for. Ids are chosen by the patches' authors; patches that use the same one mean the same variable.
 *
 *   APUS_SHADOW(id, size, constructor, destructor);
 *
 * declares one: its size in bytes, and how it begins and ends (either may be 0). A patch declares what it uses, so that it can be seen
 * and held against other patches before it is applied.
 */

/* Makes the variable at `data` of `object`, which is zeros until then; `context` is what the caller of alloc passed. Not 0: there is
 * to be none, and alloc gives a null pointer. */
typedef int (*apus_shadow_constructor)(void *object, void *data, void *context);
/* Undoes that, before the memory is freed. */
typedef void (*apus_shadow_destructor)(void *object, void *data);

#define APUS_SHADOW(id, size, constructor, destructor) \
  APUS_RECORD_(APUS_SHADOW_, __COUNTER__, id, size, constructor, destructor)

/* The variable of `object`; a null pointer if it has none. */
void *apus_shadow_get(void *object, uint64_t id);
/* Makes it; a null pointer if the object has one already, if there is no memory, or if the constructor refuses. */
void *apus_shadow_alloc(
    void *object, uint64_t id, size_t size, apus_shadow_constructor constructor, void *context);
/* The one that the object has, or a new one. Of several threads that ask at once, one makes it and all get the same. */
void *apus_shadow_get_or_alloc(
    void *object, uint64_t id, size_t size, apus_shadow_constructor constructor, void *context);
/* Ends the object's, if it has one. */
void apus_shadow_free(void *object, uint64_t id, apus_shadow_destructor destructor);
/* Ends those of all objects. */
void apus_shadow_free_all(uint64_t id, apus_shadow_destructor destructor);

/* ---- States --------------------------------------------------------------------------------------------------------------
 *
 * What a patch has changed in the process beyond its functions, so that the patch which replaces it (replace-all) can take it over
 * or undo it.
 *
 *   APUS_STATE(variable, id, version);
 *
 * declares one and defines `variable`, a static struct apus_state. A patch that replaces others must have every state that these have,
 * with the same version or a newer one; otherwise it is refused.
 */
struct apus_state {
  uint64_t id;
  uint32_t version;
  uint32_t reserved; /* 0 */
  void *data;        /* the patch's own */
};

#define APUS_STATE(variable, id, version) APUS_RECORD_(APUS_STATE_, __COUNTER__, variable, id, version, )

/* The state of that id in the patches that this one replaces; a null pointer if they have none, or when it is over. */
struct apus_state *apus_state_previous(uint64_t id);

/* ---- Quiescent functions -------------------------------------------------------------------------------------------------
 *
 *   APUS_QUIESCENT("function", "module", "source");
 *
 * names a function of the program at whose entry a thread has no patched function on its stack: the one that an event loop calls for
 * each event, say. A thread that gets there goes over to the patch. It is held against the thread's stack, not believed. The strings
 * are those of APUS_REPLACES.
 */
#define APUS_QUIESCENT(function, module, source) \
  APUS_RECORD_(APUS_QUIESCENT_, __COUNTER__, function, module, source, )

/* ---- The records ---------------------------------------------------------------------------------------------------------
 *
 * What stands from here on is between this header and `apus patch pack`. Each record begins with the place in the source that errors
 * name. Records can be written to, so that all of a section can, with relocations or without; strings have a section of their own,
 * so that they do not come with the patch either.
 */
struct apus_declared_at { const char *file; uint64_t line; };
struct apus_declared_replacement {
  struct apus_declared_at at; void (*function)(void); const char *old_function, *module, *source;
};
struct apus_declared_pre_patch {
  struct apus_declared_at at; int (*function)(const struct apus_module *); const char *module; uint64_t moment;
};
struct apus_declared_callback {
  struct apus_declared_at at; void (*function)(const struct apus_module *); const char *module; uint64_t moment;
};
struct apus_declared_shadow {
  struct apus_declared_at at; uint64_t id, size; apus_shadow_constructor constructor; apus_shadow_destructor destructor;
};
struct apus_declared_state { struct apus_declared_at at; struct apus_state *variable; uint64_t id, version; };
struct apus_declared_quiescent { struct apus_declared_at at; const char *function, *module, *source; };

#ifdef __cplusplus
}
#define APUS_ANY_FUNCTION_(function) reinterpret_cast<void (*)(void)>(function)
#else
#define APUS_ANY_FUNCTION_(function) ((void (*)(void))(function))
#endif

#define APUS_IN_(section_name) __attribute__((section(section_name), used, aligned(8)))
#define APUS_STRING_(name, text) \
  static const char name[] __attribute__((section(".apus.declare.names"), used)) = text

#define APUS_RECORD_(macro, number, a, b, c, d) APUS_RECORD_NUMBERED_(macro, number, a, b, c, d)
#define APUS_RECORD_NUMBERED_(macro, number, a, b, c, d) \
  APUS_STRING_(apus_file_##number, __FILE__); \
  macro(number, a, b, c, d)
#define APUS_AT_(number) { apus_file_##number, __LINE__ }

#define APUS_REPLACES_(number, new_function, old_name, module_name, source_name) \
  APUS_STRING_(apus_old_##number, old_name); \
  APUS_STRING_(apus_module_##number, module_name); \
  APUS_STRING_(apus_source_##number, source_name); \
  static struct apus_declared_replacement apus_record_##number APUS_IN_(".apus.declare.replacements") = { \
      APUS_AT_(number), APUS_ANY_FUNCTION_(new_function), apus_old_##number, apus_module_##number, apus_source_##number}
#define APUS_PRE_PATCH_(number, callback, module_name, unused1, unused2) \
  APUS_STRING_(apus_module_##number, module_name); \
  static struct apus_declared_pre_patch apus_record_##number APUS_IN_(".apus.declare.callbacks") = { \
      APUS_AT_(number), callback, apus_module_##number, 0}
#define APUS_CALLBACK_(number, callback, module_name, moment_number, unused) \
  APUS_STRING_(apus_module_##number, module_name); \
  static struct apus_declared_callback apus_record_##number APUS_IN_(".apus.declare.callbacks") = { \
      APUS_AT_(number), callback, apus_module_##number, moment_number}
#define APUS_SHADOW_(number, shadow_id, shadow_size, make, end) \
  static struct apus_declared_shadow apus_record_##number APUS_IN_(".apus.declare.shadow") = { \
      APUS_AT_(number), shadow_id, shadow_size, make, end}
#define APUS_STATE_(number, variable, state_id, state_version, unused) \
  static struct apus_state variable = {state_id, state_version, 0, 0}; \
  static struct apus_declared_state apus_record_##number APUS_IN_(".apus.declare.states") = { \
      APUS_AT_(number), &variable, state_id, state_version}
#define APUS_QUIESCENT_(number, function_name, module_name, source_name, unused) \
  APUS_STRING_(apus_function_##number, function_name); \
  APUS_STRING_(apus_module_##number, module_name); \
  APUS_STRING_(apus_source_##number, source_name); \
  static struct apus_declared_quiescent apus_record_##number APUS_IN_(".apus.declare.quiescent") = { \
      APUS_AT_(number), apus_function_##number, apus_module_##number, apus_source_##number}

#endif
