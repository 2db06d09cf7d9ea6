/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BDF_SIZE 20 /* "ffffffff:ff:1f.7" and its NUL, rounded up */

/* A PCI address. Domains wider than 16 bits exist (VMD, Hyper-V). */
struct bdf {
	uint32_t domain;
	uint8_t bus, device, function;
};

/* Accepts every spelling operators and tools use: "0000:e8:00.4", "e8:00.4", "0:e8:0.4",
 * "00000000:E8:00.4" (nvidia-smi). False where TEXT is none of them. */
bool bdf_parse(const char *text, struct bdf *ret);

/* As sysfs names it, "0000:e8:00.4"; returns BUF. */
const char *bdf_format(const struct bdf *bdf, char buf[BDF_SIZE]);

/* By domain, bus, device, function; as strcmp(). */
int bdf_compare(const struct bdf *a, const struct bdf *b);
bool bdf_equal(const struct bdf *a, const struct bdf *b);

/* The address as one number of at most 48 bits, in the order of bdf_compare(). */
uint64_t bdf_number(const struct bdf *bdf);
