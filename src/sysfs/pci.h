/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "sysfs/sysfs.h"

/* PCI functions as Documentation/ABI/testing/sysfs-bus-pci describes them. DEVICES_FD is
 * that of sys/bus/pci/devices below the root. */

#define PCI_DEVICES "sys/bus/pci/devices"
#define PCI_VENDOR_ID_NVIDIA 0x10de
#define PCI_CLASS_DISPLAY 0x03 /* base class: VGA and 3D controllers */

/* Is this an NVIDIA display function? Reads `vendor`, and `class` where that fits. An
 * answer of 1 is yes, 0 no; negative where it cannot be told. */
int pci_is_nvidia_gpu(int devices_fd, const char *name, struct error *err);

/* The driver's name, "" where none is bound. */
int pci_driver(int devices_fd, const char *name, char ret[DRIVER_NAME_SIZE],
	       struct error *err);

/* Fills what gpus, capacity and messages need: ids, driver, NUMA node. */
int pci_read_gpu(int devices_fd, struct gpu *gpu, struct error *err);

/* Fills driver_override. The kernel takes the device's lock for that read, as it does for
 * sriov_numvfs and uevent (drivers/pci/pci-sysfs.c): it hangs while somebody is at the
 * device who hangs. */
int pci_read_override(int devices_fd, struct gpu *gpu, struct error *err);

/* The device id alone, for one model's catalog. */
int pci_read_device(int devices_fd, struct gpu *gpu, struct error *err);

/* Names of the functions that a driver is bound to; no such driver is an empty list. */
int pci_list_bound(int root_fd, const char *driver, struct names *ret, struct error *err);

/* Binds an unbound function to DRIVER. */
int pci_bind(int root_fd, const char *driver, const struct bdf *bdf, struct error *err);

/* Takes DRIVER from a function it is bound to; ENODEV where it is not. */
int pci_unbind(int root_fd, const char *driver, const struct bdf *bdf, struct error *err);

/* Takes back an id that new_id has given to DRIVER; what it is bound to stays so. ENODEV
 * where it does not have it. */
int pci_remove_id(int root_fd, const char *driver, const struct gpu *gpu,
		  struct error *err);

/* Tells one load of DRIVER from another: its directory is a new one each time, with a
 * number that sysfs does not use again in one boot. 0 where it is not loaded. */
uint64_t pci_driver_load(int root_fd, const char *driver);
