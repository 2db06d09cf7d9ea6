/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/pf_stub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "run/sriov_mark.h"
#include "sysfs/pci.h"
#include "util/cleanup.h"
#include "util/lock.h"

#define STUB "pci-pf-stub"

/* Another physical function of GPU's ids. */
static bool is_like(int devices_fd, const char *name, const struct gpu *gpu)
{
	struct gpu other = { .vendor = 0 };
	char physfn[64];

	(void)snprintf(physfn, sizeof(physfn), "%s/physfn", name);
	return bdf_parse(name, &other.bdf) && !bdf_equal(&other.bdf, &gpu->bdf) &&
	       !sysfs_exists(devices_fd, physfn) &&
	       pci_read_device(devices_fd, &other, NULL) == 0 &&
	       other.vendor == gpu->vendor && other.device == gpu->device;
}

static bool is_unbound_like(int devices_fd, const char *name, const struct gpu *gpu)
{
	char driver[DRIVER_NAME_SIZE];

	return pci_driver(devices_fd, name, driver, NULL) == 0 && !driver[0] &&
	       is_like(devices_fd, name, gpu);
}

int pf_stub_list_unbound(int root_fd, const struct bdf *bdf, struct names *ret,
			 struct error *err)
{
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, err);
	struct gpu gpu = { .bdf = *bdf };
	size_t i, n = 0;
	int r;

	*ret = (struct names){ NULL, 0 };
	if (devices_fd < 0)
		return devices_fd;
	r = pci_read_device(devices_fd, &gpu, err);
	if (r == 0)
		r = sysfs_list(devices_fd, ".", ret, err);
	for (i = 0; r == 0 && i < ret->n; i++)
		if (is_unbound_like(devices_fd, ret->names[i], &gpu))
			ret->names[n++] = ret->names[i];
		else
			free(ret->names[i]);
	if (r == 0)
		ret->n = n;
	return r;
}

void pf_stub_release(int root_fd, const struct names *names)
{
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, NULL);
	char driver[DRIVER_NAME_SIZE];
	size_t i;

	for (i = 0; devices_fd >= 0 && i < names->n; i++) {
		struct error ignored; /* then it is shown as it is */
		struct bdf bdf;

		if (bdf_parse(names->names[i], &bdf) &&
		    pci_driver(devices_fd, names->names[i], driver, NULL) == 0 &&
		    !strcmp(driver, STUB))
			(void)pci_unbind(root_fd, STUB, &bdf, &ignored);
	}
}

/* Is somebody at work on this one with pci-pf-stub, or has bound it there on purpose?  A
 * sriov-manage past its deadline holds the byte of its GPU. */
static bool needs_id(int root_fd, int devices_fd, const char *name, int lock_fd)
{
	char driver[DRIVER_NAME_SIZE];
	struct bdf bdf;

	if (!bdf_parse(name, &bdf) ||
	    lock_is_exclusive(lock_fd, LOCK_GPUS + (int64_t)bdf_number(&bdf)))
		return true;
	return !sriov_has_begun(root_fd, &bdf) &&
	       (pci_driver(devices_fd, name, driver, NULL) < 0 || !strcmp(driver, STUB));
}

void pf_stub_take_id(int root_fd, const struct bdf *bdf, int lock_fd)
{
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, NULL);
	_cleanup_(names_free) struct names names = { NULL, 0 };
	struct gpu gpu = { .bdf = *bdf };
	bool begun = sriov_has_begun(root_fd, bdf);
	struct error ignored; /* the id is not there, as a rule */
	size_t i;

	if (devices_fd < 0 || pci_read_device(devices_fd, &gpu, NULL) < 0 ||
	    sysfs_list(devices_fd, ".", &names, NULL) < 0)
		return;
	for (i = 0; i < names.n; i++) {
		struct bdf other;

		if (!is_like(devices_fd, names.names[i], &gpu))
			continue;
		if (needs_id(root_fd, devices_fd, names.names[i], lock_fd))
			return;
		begun = begun || (bdf_parse(names.names[i], &other) &&
				  sriov_has_begun(root_fd, &other));
	}
	if (begun)
		(void)pci_remove_id(root_fd, STUB, &gpu, &ignored);
}

bool pf_stub_is_left(int root_fd, const struct gpu *gpu)
{
	return (!gpu->driver[0] || !strcmp(gpu->driver, STUB)) &&
	       !gpu->driver_override[0] && sriov_was_cut_short(root_fd, &gpu->bdf);
}

bool pf_stub_rebind(int root_fd, const struct bdf *gpu)
{
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, NULL);
	char name[BDF_SIZE], driver[DRIVER_NAME_SIZE];
	struct error ignored;

	if (devices_fd < 0 ||
	    pci_driver(devices_fd, bdf_format(gpu, name), driver, NULL) < 0)
		return false;
	if (!strcmp(driver, STUB))
		(void)pci_unbind(root_fd, STUB, gpu, &ignored);
	else if (driver[0])
		return true;
	(void)pci_bind(root_fd, "nvidia", gpu, &ignored);
	return pci_driver(devices_fd, name, driver, NULL) == 0 && driver[0] &&
	       strcmp(driver, STUB) != 0;
}
