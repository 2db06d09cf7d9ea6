/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* Parameters of a vGPU, as its driver takes them in nvidia/vgpu_params:
 * "frame_rate_limiter=0,disable_vnc=1". Source: NVIDIA's vGPU user guide, "Setting vGPU
 * Plugin Parameters"; the driver takes fewer than 1024 bytes. */

#define PARAMS_SIZE 1024 /* 1023 bytes and the NUL */

enum params_fault {
	PARAMS_FINE,
	PARAMS_EMPTY,
	PARAMS_TOO_LONG,
	PARAMS_MALFORMED, /* a part is no name=value */
	PARAMS_UNKNOWN,	  /* no parameter is called so */
	PARAMS_RANGE,	  /* the value is none that the parameter takes */
	PARAMS_TWICE,	  /* a parameter is there twice */
};

/* Checks TEXT, "name=value" parts between commas, with or without blanks around a part,
 * and writes them to RET in one order and spelling, so that equal sets are equal texts.
 * On any other verdict than PARAMS_FINE, RET_BAD is the part that is at fault, cut where
 * it is long, and RET is "". */
#define PARAMS_BAD_SIZE 64
enum params_fault params_normalise(const char *text, char ret[PARAMS_SIZE],
				   char ret_bad[PARAMS_BAD_SIZE]);

/* The parameter whose name is nearest to that in BAD, NULL where none is near. */
const char *params_near(const char *bad);

/* What values the parameter in BAD takes: "0 or 1", "0 to 65535"; NULL for an unknown
 * one. */
const char *params_range(const char *bad);

/* The name of parameter number I, NULL behind the last. */
const char *params_name(size_t i);
