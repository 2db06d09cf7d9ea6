/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"

enum match {
	MATCH_FOUND,   /* some GPU offers it */
	MATCH_UNSEEN,  /* well-formed, and a GPU whose types are not to be seen may offer
			  it */
	MATCH_UNKNOWN, /* well-formed, and every GPU's types are known */
	MATCH_MALFORMED, /* no profile is spelled like this */
};

/* Resolves what a user typed, "a40-24a", "NVIDIA A40-24A", "575" or "nvidia-575", against
 * every GPU's catalog. RET gets the profile as the driver spells it, or as typed where
 * that is MATCH_UNSEEN; it is "" otherwise. */
enum match resolve_profile(const struct host *host, const char *text,
			   char ret[PROFILE_SIZE]);

/* The profiles nearest to TEXT, best first, at most MAX; RET borrows from HOST. */
size_t resolve_near(const struct host *host, const char *text, size_t max,
		    const char *ret[]);

/* The GPU's type that PROFILE names, else the first type of that profile on any GPU. */
const struct vgpu_type *resolve_type(const struct host *host, const char *profile);
