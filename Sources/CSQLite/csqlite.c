#define _GNU_SOURCE
#include "CSQLite.h"

#include <dlfcn.h>
#include <stddef.h>

#define FUNCTIONS(WITH)                                                                                        \
    WITH(open_v2) WITH(close_v2) WITH(errmsg) WITH(errstr) WITH(system_errno) WITH(prepare_v2) WITH(finalize)  \
    WITH(step) WITH(reset) WITH(bind_null) WITH(bind_int64) WITH(bind_text) WITH(column_count)                 \
    WITH(column_name) WITH(column_type) WITH(column_int64) WITH(column_double) WITH(column_text)               \
    WITH(column_blob) WITH(column_bytes) WITH(limit)

#define DECLARE(name) static __typeof__(sqlite3_##name) *p_##name;
FUNCTIONS(DECLARE)

const char *csqlite_load(void) {
    static void *library;
    if (library != NULL) return NULL;
    // The number is that of its interface.
    void *found = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    if (found == NULL) return dlerror();
    // POSIX's way to have a function of a pointer to an object.
#define FIND(name)                                           \
    *(void **)&p_##name = dlsym(found, "sqlite3_" #name);    \
    if (p_##name == NULL) return dlerror();
    FUNCTIONS(FIND)
    library = found;
    return NULL;
}

int csqlite_open_v2(const char *path, sqlite3 **database, int flags) {
    return p_open_v2(path, database, flags, NULL);
}

int csqlite_limit(sqlite3 *database, int which, int value) { return p_limit(database, which, value); }

int csqlite_close_v2(sqlite3 *database) { return p_close_v2(database); }

const char *csqlite_errmsg(sqlite3 *database) { return p_errmsg(database); }

const char *csqlite_errstr(int code) { return p_errstr(code); }

int csqlite_system_errno(sqlite3 *database) { return p_system_errno(database); }

int csqlite_prepare_v2(
    sqlite3 *database, const char *sql, int bytes, sqlite3_stmt **statement, const char **rest) {
    return p_prepare_v2(database, sql, bytes, statement, rest);
}

int csqlite_finalize(sqlite3_stmt *statement) { return p_finalize(statement); }

int csqlite_step(sqlite3_stmt *statement) { return p_step(statement); }

int csqlite_reset(sqlite3_stmt *statement) { return p_reset(statement); }

int csqlite_bind_null(sqlite3_stmt *statement, int parameter) { return p_bind_null(statement, parameter); }

int csqlite_bind_int64(sqlite3_stmt *statement, int parameter, sqlite3_int64 value) {
    return p_bind_int64(statement, parameter, value);
}

int csqlite_bind_static_text(sqlite3_stmt *statement, int parameter, const char *text, int bytes) {
    return p_bind_text(statement, parameter, text, bytes, SQLITE_STATIC);
}

int csqlite_bind_text(sqlite3_stmt *statement, int parameter, const char *text, int bytes) {
    return p_bind_text(statement, parameter, text, bytes, SQLITE_TRANSIENT);
}

int csqlite_column_count(sqlite3_stmt *statement) { return p_column_count(statement); }

const char *csqlite_column_name(sqlite3_stmt *statement, int column) { return p_column_name(statement, column); }

int csqlite_column_type(sqlite3_stmt *statement, int column) { return p_column_type(statement, column); }

sqlite3_int64 csqlite_column_int64(sqlite3_stmt *statement, int column) {
    return p_column_int64(statement, column);
}

double csqlite_column_double(sqlite3_stmt *statement, int column) { return p_column_double(statement, column); }

const void *csqlite_column_text(sqlite3_stmt *statement, int column) { return p_column_text(statement, column); }

const void *csqlite_column_blob(sqlite3_stmt *statement, int column) { return p_column_blob(statement, column); }

int csqlite_column_bytes(sqlite3_stmt *statement, int column) { return p_column_bytes(statement, column); }
