#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER kinds
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "kinds_tp.h"
#if !defined(KINDS_TP_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define KINDS_TP_H
#include <lttng/tracepoint.h>
#include <stdint.h>
LTTNG_UST_TRACEPOINT_ENUM(kinds, colour, LTTNG_UST_TP_ENUM_VALUES(
  lttng_ust_field_enum_value("red", 0)
  lttng_ust_field_enum_range("warm", 0, 10)
  lttng_ust_field_enum_value("odd \"name\"", 20)
  lttng_ust_field_enum_auto("next")
))
LTTNG_UST_TRACEPOINT_EVENT(kinds, numbers,
  LTTNG_UST_TP_ARGS(int64_t, v),
  LTTNG_UST_TP_FIELDS(
    lttng_ust_field_integer(int8_t, s8, v) lttng_ust_field_integer(uint8_t, u8, v)
    lttng_ust_field_integer(int16_t, s16, v) lttng_ust_field_integer(uint16_t, u16, v)
    lttng_ust_field_integer(int32_t, s32, v) lttng_ust_field_integer(uint32_t, u32, v)
    lttng_ust_field_integer(int64_t, s64, v) lttng_ust_field_integer(uint64_t, u64, v)
    lttng_ust_field_integer_hex(int16_t, x16, v) lttng_ust_field_integer_hex(int64_t, x64, v)
    lttng_ust_field_integer_network(uint32_t, net32, v) lttng_ust_field_integer_network_hex(uint16_t, net16, v)
    lttng_ust_field_float(float, f, v / 7.0f) lttng_ust_field_float(double, d, v * 1e20)
    lttng_ust_field_enum(kinds, colour, uint8_t, c, v)
    lttng_ust_field_unused(v)
  ))
LTTNG_UST_TRACEPOINT_EVENT(kinds, texts,
  LTTNG_UST_TP_ARGS(const char *, s, int32_t *, a, size_t, n),
  LTTNG_UST_TP_FIELDS(
    lttng_ust_field_string(s, s)
    lttng_ust_field_array(int32_t, arr, a, 3)
    lttng_ust_field_array_text(char, text, s, 4)
    lttng_ust_field_array_hex(int16_t, hexes, (int16_t*)a, 2)
    lttng_ust_field_sequence(int32_t, seq, a, size_t, n)
    lttng_ust_field_sequence_hex(uint8_t, bytes, (uint8_t*)a, uint8_t, n)
    lttng_ust_field_sequence_text(char, stext, s, size_t, n)
    lttng_ust_field_integer(int, last, n)
  ))
LTTNG_UST_TRACEPOINT_EVENT(kinds, empty, LTTNG_UST_TP_ARGS(), LTTNG_UST_TP_FIELDS())
#endif
#include <lttng/tracepoint-event.h>
