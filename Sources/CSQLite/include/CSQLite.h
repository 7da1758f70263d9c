// SQLite's library, found when it is needed: few commands of the analyzer have to do with databases, and the others need neither
// the library nor the time to load it. The functions below are the library's (https://sqlite.org/c3ref/funclist.html) with another
// prefix; none may be called before `csqlite_load`.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <sqlite3.h>

// Loads the library, once. NULL, or what went wrong.
const char *csqlite_load(void);

int csqlite_open_v2(const char *path, sqlite3 **database, int flags);
// Sets a limit, gives what it was.
int csqlite_limit(sqlite3 *database, int which, int value);
int csqlite_close_v2(sqlite3 *database);
const char *csqlite_errmsg(sqlite3 *database);
const char *csqlite_errstr(int code);
int csqlite_system_errno(sqlite3 *database);
int csqlite_prepare_v2(
    sqlite3 *database, const char *sql, int bytes, sqlite3_stmt **statement, const char **rest);
int csqlite_finalize(sqlite3_stmt *statement);
int csqlite_step(sqlite3_stmt *statement);
int csqlite_reset(sqlite3_stmt *statement);

// Parameters count from 1.
int csqlite_bind_null(sqlite3_stmt *statement, int parameter);
int csqlite_bind_int64(sqlite3_stmt *statement, int parameter, sqlite3_int64 value);
// A text that stays where it is until another one is bound.
int csqlite_bind_static_text(sqlite3_stmt *statement, int parameter, const char *text, int bytes);
// A text that is copied.
int csqlite_bind_text(sqlite3_stmt *statement, int parameter, const char *text, int bytes);

// Columns count from 0.
int csqlite_column_count(sqlite3_stmt *statement);
const char *csqlite_column_name(sqlite3_stmt *statement, int column);
int csqlite_column_type(sqlite3_stmt *statement, int column);
sqlite3_int64 csqlite_column_int64(sqlite3_stmt *statement, int column);
double csqlite_column_double(sqlite3_stmt *statement, int column);
// Bytes, good until the next step; of a number its text.
const void *csqlite_column_text(sqlite3_stmt *statement, int column);
const void *csqlite_column_blob(sqlite3_stmt *statement, int column);
int csqlite_column_bytes(sqlite3_stmt *statement, int column);

#endif
