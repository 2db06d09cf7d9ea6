/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"

/* An empty catalog with room for N types, NULL for want of memory. */
struct catalog *catalog_new(size_t n);

/* A new catalog of what OWN lists, and of the types of MORE that OWN has neither the id
 * nor the profile of: a driver that calls a type otherwise has moved on. OWN may be NULL,
 * and MORE as well; NULL for want of memory. Partial if OWN is. */
struct catalog *catalog_join(const struct catalog *own, const struct catalog *more);

/* Do both list the same, as far as it can be remembered?  Either may be NULL. */
bool catalog_same(const struct catalog *a, const struct catalog *b);

/* Joins MORE to GPU's catalog; what that adds cannot be made now. False for want of
 * memory: GPU is unchanged then. */
bool gpu_add_types(struct gpu *gpu, const struct catalog *more);
