/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"

/* The element of a libvirt domain that gives its VM a vGPU: by UUID for an mdev, by the
 * VF's address under vendor-specific VFIO, unmanaged since the VF stays bound to nvidia.
 * Several lines, each ended. Returns BUF. Source: libvirt's domain XML format, and the
 * user guide of NVIDIA's vGPU software. */
#define HOSTDEV_SIZE 256
const char *hostdev_element(enum framework framework, const char *uuid,
			    const struct bdf *vf, char buf[HOSTDEV_SIZE]);
