/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs/pci.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/text.h"

static int read_id(int devices_fd, const char *name, const char *attr, uint64_t *ret,
		   struct error *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", name, attr);
	return sysfs_read_u64(devices_fd, path, ret, err);
}

int pci_is_nvidia_gpu(int devices_fd, const char *name, struct error *err)
{
	uint64_t value;
	int r = read_id(devices_fd, name, "vendor", &value, err);

	if (r < 0 || value != PCI_VENDOR_ID_NVIDIA)
		return r < 0 ? r : 0;
	r = read_id(devices_fd, name, "class", &value, err);
	if (r < 0)
		return r;
	return value >> 16 == PCI_CLASS_DISPLAY;
}

int pci_driver(int devices_fd, const char *name, char ret[DRIVER_NAME_SIZE],
	       struct error *err)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "%s/driver", name);
	r = sysfs_link_name(devices_fd, path, ret, DRIVER_NAME_SIZE, err);
	if (r == -ENOENT) {
		ret[0] = '\0';
		return 0;
	}
	return r;
}

/* 16 bits, by the PCI specification. */
static int read_id16(int devices_fd, const char *name, const char *attr, uint32_t *ret,
		     struct error *err)
{
	char path[64], where[512];
	uint64_t value;
	int r = read_id(devices_fd, name, attr, &value, err);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s", name, attr);
	if (value > UINT16_MAX)
		return error_set(err, ERROR_SYSTEM, EPROTO, "%s is no PCI id",
				 sysfs_path(devices_fd, path, where, sizeof(where)));
	*ret = (uint32_t)value;
	return 0;
}

int pci_read_device(int devices_fd, struct gpu *gpu, struct error *err)
{
	char name[BDF_SIZE];
	int r = read_id16(devices_fd, bdf_format(&gpu->bdf, name), "vendor", &gpu->vendor,
			  err);

	return r < 0 ? r : read_id16(devices_fd, name, "device", &gpu->device, err);
}

int pci_read_gpu(int devices_fd, struct gpu *gpu, struct error *err)
{
	char name[BDF_SIZE], path[64], text[ATTR_SIZE], where[512], shown[128];
	uint32_t node;
	int r = pci_read_device(devices_fd, gpu, err);

	if (r < 0)
		return r;
	r = pci_driver(devices_fd, bdf_format(&gpu->bdf, name), gpu->driver, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/numa_node", name);
	gpu->numa_node = -1;
	r = sysfs_read(devices_fd, path, text, sizeof(text), err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT || !strcmp(text, "-1"))
		return 0;
	if (!parse_u32(text, &node) || node > INT32_MAX)
		return error_set(err, ERROR_SYSTEM, EPROTO, "%s holds '%s', no NUMA node",
				 sysfs_path(devices_fd, path, where, sizeof(where)),
				 text_escape(shown, sizeof(shown), text));
	gpu->numa_node = (int)node;
	return 0;
}

int pci_read_override(int devices_fd, struct gpu *gpu, struct error *err)
{
	char name[BDF_SIZE], path[64], text[ATTR_SIZE];
	int r;

	(void)snprintf(path, sizeof(path), "%s/driver_override",
		       bdf_format(&gpu->bdf, name));
	r = sysfs_read(devices_fd, path, text, sizeof(text), err);
	if (r == 0 && strcmp(text, "(null)"))
		(void)text_copy(gpu->driver_override, sizeof(gpu->driver_override), text);
	return r == -ENOENT ? 0 : r;
}

int pci_list_bound(int root_fd, const char *driver, struct names *ret, struct error *err)
{
	char path[128];
	int r;

	(void)snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s", driver);
	r = sysfs_list(root_fd, path, ret, err);
	if (r == -ENOENT) {
		*ret = (struct names){ NULL, 0 };
		return 0;
	}
	return r;
}

static int write_to_driver(int root_fd, const char *driver, const char *file,
			   const struct bdf *bdf, struct error *err)
{
	char path[128], name[BDF_SIZE];

	(void)snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/%s", driver, file);
	return sysfs_write(root_fd, path, bdf_format(bdf, name), err);
}

int pci_bind(int root_fd, const char *driver, const struct bdf *bdf, struct error *err)
{
	return write_to_driver(root_fd, driver, "bind", bdf, err);
}

int pci_unbind(int root_fd, const char *driver, const struct bdf *bdf, struct error *err)
{
	return write_to_driver(root_fd, driver, "unbind", bdf, err);
}

int pci_remove_id(int root_fd, const char *driver, const struct gpu *gpu,
		  struct error *err)
{
	char path[128], id[32];

	(void)snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/remove_id", driver);
	(void)snprintf(id, sizeof(id), "%04x %04x", gpu->vendor, gpu->device);
	return sysfs_write(root_fd, path, id, err);
}

uint64_t pci_driver_load(int root_fd, const char *driver)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s", driver);
	return fstatat(root_fd, path, &st, 0) == 0 ? st.st_ino : 0;
}
