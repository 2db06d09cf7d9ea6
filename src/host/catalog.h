/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"

/* An empty catalog with room for N types, NULL for want of memory. */
struct catalog *catalog_new(size_t n);

/* Adds to GPU's catalog the types of MORE that it does not list; those cannot be made
 * now. False for want of memory: GPU is unchanged then. */
bool gpu_add_types(struct gpu *gpu, const struct catalog *more);
