/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"

/* A host that goes over to another framework has its vGPUs back where they were, but a VM's
 * config names an mdev by UUID and a VF by address: each VM's must be changed once. */

/* Says which VMs' configs must change, and prints what they must say; in JSON, both are
 * added to WARNINGS. 'assign' with the same VM says that it was done. */
void vm_config_tell(const struct context *ctx, const struct view *view,
		    json_t *warnings);
